import { onApi } from './apiDriver.ts';
import { idempotency } from './idempotency.ts';
import { tell } from './story.ts';

tell(idempotency, onApi());

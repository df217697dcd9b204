import { idempotency } from './idempotency.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

tell(idempotency, onLedger());

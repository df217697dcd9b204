import { onApi } from './apiDriver.ts';
import { holds } from './holds.ts';
import { tell } from './story.ts';

tell(holds, onApi());

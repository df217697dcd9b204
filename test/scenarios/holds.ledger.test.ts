import { holds } from './holds.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

tell(holds, onLedger());

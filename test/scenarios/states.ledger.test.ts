import { onLedger } from './ledgerDriver.ts';
import { states } from './states.ts';
import { tell } from './story.ts';

tell(states, onLedger());

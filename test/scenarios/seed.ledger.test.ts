import { onLedger } from './ledgerDriver.ts';
import { seed } from './seed.ts';
import { tell } from './story.ts';

tell(seed, onLedger());

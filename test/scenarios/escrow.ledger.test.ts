import { escrow } from './escrow.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

tell(escrow, onLedger());

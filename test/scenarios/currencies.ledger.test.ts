import { currencies } from './currencies.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

tell(currencies, onLedger());

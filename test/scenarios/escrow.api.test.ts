import { onApi } from './apiDriver.ts';
import { escrow } from './escrow.ts';
import { tell } from './story.ts';

tell(escrow, onApi());

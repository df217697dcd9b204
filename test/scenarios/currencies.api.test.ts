import { onApi } from './apiDriver.ts';
import { currencies } from './currencies.ts';
import { tell } from './story.ts';

tell(currencies, onApi());

import { onApi } from './apiDriver.ts';
import { seed } from './seed.ts';
import { tell } from './story.ts';

tell(seed, onApi());

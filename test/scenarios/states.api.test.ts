import { onApi } from './apiDriver.ts';
import { states } from './states.ts';
import { tell } from './story.ts';

tell(states, onApi());

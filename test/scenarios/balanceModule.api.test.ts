import { onApi } from './apiDriver.ts';
import { balanceModule } from './balanceModule.ts';
import { tell } from './story.ts';

tell(balanceModule, onApi());

import { balanceModule } from './balanceModule.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

tell(balanceModule, onLedger());

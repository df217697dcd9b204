/** What the worker registers: one workflow type per export. */
import './stackTraces.ts';

export { batch } from './batch.ts';
export { chainDeposit } from './chainDeposit.ts';
export { chainReversal } from './chainReversal.ts';
export { chainWithdrawal } from './chainWithdrawal.ts';
export { collection } from './collection.ts';
export { custodialWithdrawal } from './custodialWithdrawal.ts';
export { deposit } from './deposit.ts';
export { payoutRun } from './payoutRun.ts';
export { reconcile } from './reconcile.ts';
export { repair } from './repair.ts';
export { reversal } from './reversal.ts';
export { spendNonce } from './spendNonce.ts';
export { transfer } from './transfer.ts';
export { withdrawal } from './withdrawal.ts';

import { continueAsNew } from '@temporalio/workflow';
import type { BatchInput } from '../src/contracts/batches.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainPayment, isIncluded, nextOf } from './chainPayment.ts';
import { chainLedger } from './chainSteps.ts';
import type { Guidance } from './details.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';

const BUTTONS: Buttons = { settle: 'finalize', release: 'releaseWithdrawal', cancel: 'cancel' };

/**
 * Pays several withdrawals by one transaction. The ledger opened the group with its nonce, so it is
 * to be signed from the beginning; what becomes of it becomes of its members, whose own sagas wait.
 */
export function batch(input: BatchInput): Promise<SagaResult> {
  const { groupId, amount, asset, members } = input;
  const payment = new ChainPayment();
  const saga = new GroupSaga(groupId, (self) => explain(self, payment, input));
  handleActs(saga, BUTTONS);
  return saga.run(async () => {
    const summary = `Pay ${amount} ${asset} to ${members.length} withdrawals at once`;
    await saga.open(() => chainLedger.readBatch.executeWithOptions({ summary }, [groupId]));
    await payment.follow(saga, {
      goOn: () => continueAsNew<typeof batch>(input),
      afterWait: () => Promise.resolve(),
    });
  });
}

function explain(saga: GroupSaga, payment: ChainPayment, input: BatchInput): Guidance {
  const { amount, asset, members, contract } = input;
  const says = `${amount} ${asset} for ${members.length} withdrawals, through \`${contract}\`.`;
  if (!saga.opened) return { next: `${says} Reads it from the ledger.`, people: [] };
  if (!saga.isOpen()) return { next: `${says} Nothing, it has ended.`, people: [] };
  const people = isIncluded(saga)
    ? ['nothing: a block has it, so only the chain ends it']
    : [
        'raise its fee: update `speedUp`',
        'try to take it back, so that each is paid alone: update `cancelOnChain`',
      ];
  return { next: `${says} ${nextOf(saga, payment)}`, people };
}

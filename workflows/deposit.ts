import { continueAsNew } from '@temporalio/workflow';
import type { OpenDepositInput } from '../src/contracts/steps.ts';
import { type Buttons, handleActs } from './acts.ts';
import { driveToEnd } from './deadline.ts';
import type { Guidance } from './details.ts';
import { undoGroup } from './giveBack.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';

const BUTTONS: Buttons = { settle: 'confirm', release: 'release', cancel: 'cancelDeposit' };

/**
 * A deposit of an asset without a chain: pending until somebody who knows confirms or cancels it.
 * It has no deadline, since money that arrived does not go away by itself.
 */
export function deposit(input: OpenDepositInput): Promise<SagaResult> {
  const saga = new GroupSaga(input.groupId, explain);
  handleActs(saga, BUTTONS);
  return saga.run(async (compensate) => {
    compensate(undoGroup(saga, { ...input, kind: 'deposit' }, 'cancelDeposit'));
    const summary = `Book ${input.amount} as pending for ${input.wallet}`;
    await saga.open(() => ledger.openDeposit.executeWithOptions({ summary }, [input]));
    await driveToEnd(saga, null, () => continueAsNew<typeof deposit>(input));
  });
}

function explain(saga: GroupSaga): Guidance {
  if (!saga.opened) return { next: 'The ledger books the deposit as pending.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this deposit has ended.', people: [] };
  return {
    next: 'Waits for a confirmation from outside; there is no deadline.',
    people: [
      'credit all that is pending: signal `settle`, or update `confirm` with `{}`',
      'credit a part: update `confirm` with `{"amount": "1.5"}`',
      'drop it: signal `cancel` with a reason, or the button Request Cancellation',
    ],
  };
}

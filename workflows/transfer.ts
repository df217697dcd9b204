import { continueAsNew } from '@temporalio/workflow';
import type { Timestamp } from '../src/contracts/resources.ts';
import type { OpenTransferInput } from '../src/contracts/steps.ts';
import { handleActs, TRANSFER_BUTTONS } from './acts.ts';
import { driveToEnd, SAGA_ACTOR } from './deadline.ts';
import { type Guidance, readableTime } from './details.ts';
import { undoGroup } from './giveBack.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';

/**
 * A transfer between wallets. `immediate`: one step holds and settles, one workflow task. `manual`:
 * the hold waits for people and, at its deadline, is given back with the reason EXPIRED.
 *
 * A run that is not the first (the sweeper's) begins with the same step, which answers with the
 * group as it stands, and goes on from there.
 */
export function transfer(input: OpenTransferInput): Promise<SagaResult> {
  const saga = new GroupSaga(input.groupId, explain);
  const expire = async (expiresAt: Timestamp) => {
    const step = { groupId: saga.groupId, stepKey: `~expire:${expiresAt}`, actor: SAGA_ACTOR };
    const due = { summary: `Expire: the deadline was ${readableTime(expiresAt)}` };
    const outcome = await ledger.expire.executeWithOptions(due, [{ ...step, expiresAt }]);
    saga.learn(outcome, 'expire', SAGA_ACTOR.name);
  };
  handleActs(saga, TRANSFER_BUTTONS);
  return saga.run(async (compensate) => {
    compensate(undoGroup(saga, { ...input, kind: 'transfer' }, 'cancel'));
    const summary = input.settle === 'immediate' ? 'Hold and settle' : 'Hold';
    await saga.open(() => ledger.openTransfer.executeWithOptions({ summary }, [input]));
    const atDeadline = { summary: 'Deadline: give back what is held', act: expire };
    await driveToEnd(saga, atDeadline, () => continueAsNew<typeof transfer>(input));
  });
}

function explain(saga: GroupSaga): Guidance {
  if (!saga.opened) return { next: 'The ledger holds the legs.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this transfer has ended.', people: [] };
  const deadline = saga.deadline;
  return {
    next: deadline
      ? `At ${readableTime(deadline)} what is held is given back with the reason EXPIRED.`
      : 'Waits for a person or a service; there is no deadline.',
    people: [
      'pay out everything held: signal `settle`',
      'give it back: signal `cancel` or `release` with a reason, or button Request Cancellation',
      'move the deadline: update `extend` with `{"expiresIn": 3600}` (seconds from now)',
      'add legs or settle in part: updates `addLegs`, `settle`',
    ],
  };
}

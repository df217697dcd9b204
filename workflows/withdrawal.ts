import { continueAsNew } from '@temporalio/workflow';
import { lineOf } from '../src/contracts/markdown.ts';
import type { Timestamp } from '../src/contracts/resources.ts';
import type { OpenWithdrawalInput } from '../src/contracts/steps.ts';
import { type Buttons, handleActs } from './acts.ts';
import { driveToEnd, SAGA_ACTOR } from './deadline.ts';
import { type Guidance, readableTime } from './details.ts';
import { undoGroup } from './giveBack.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';
import { WithdrawalPolicy } from './withdrawalPolicy.ts';

const BUTTONS: Buttons = { settle: 'finalize', release: 'releaseWithdrawal', cancel: 'cancel' };

/**
 * A withdrawal of an asset without a chain: held until somebody says that it was paid outside or
 * gives it back. Its deadline only marks it stuck: whether money left, the outside alone knows. It
 * ends one that still waits for approval, which nobody can have paid.
 */
export function withdrawal(input: OpenWithdrawalInput): Promise<SagaResult> {
  const policy = new WithdrawalPolicy(input);
  const saga = new GroupSaga(input.groupId, (self) => explain(self, policy));
  const markStuck = async (expiresAt: Timestamp) => {
    const step = { groupId: saga.groupId, stepKey: `~stuck:${expiresAt}`, actor: SAGA_ACTOR };
    const due = { summary: `Mark as stuck: the deadline was ${readableTime(expiresAt)}` };
    const outcome = await ledger.markStuck.executeWithOptions(due, [{ ...step, expiresAt }]);
    saga.learn(outcome, 'markStuck', SAGA_ACTOR.name);
  };
  handleActs(saga, BUTTONS);
  return saga.run(async (compensate) => {
    compensate(undoGroup(saga, { ...input, kind: 'withdrawal' }, 'releaseWithdrawal'));
    const summary = `Hold ${input.amount} of ${input.wallet} for ${lineOf(input.destination)}`;
    await saga.open(() => ledger.openWithdrawal.executeWithOptions({ summary }, [input]));
    await policy.pass(saga, markStuck);
    const isArmed = () => !isStuck(saga);
    const atDeadline = { summary: 'Deadline: mark as stuck', act: markStuck, isArmed };
    await driveToEnd(saga, atDeadline, () => continueAsNew<typeof withdrawal>(input));
  });
}

const GIVE_BACK =
  'give it back: signal `release` with a reason, or the button Request Cancellation';

function isStuck(saga: GroupSaga): boolean {
  return saga.group?.withdrawal?.state === 'stuck';
}

function explain(saga: GroupSaga, policy: WithdrawalPolicy): Guidance {
  if (!saga.opened) return { next: 'The ledger holds the amount.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this withdrawal has ended.', people: [] };
  const asked = policy.guidance(saga);
  if (asked) return { next: asked.next, people: [...asked.people, GIVE_BACK] };
  return {
    next: nextOf(saga),
    people: [
      'say that it was paid outside: signal `settle`, or update `finalize` with `{"txid": "…"}`',
      'give it back, only if it was not and will not be paid: signal `release` with a reason;' +
        ' the button Request Cancellation gives it back too',
    ],
  };
}

function nextOf(saga: GroupSaga): string {
  if (isStuck(saga)) return 'Stuck: its deadline passed. Find out whether it was paid, then act.';
  if (saga.deadline === null) return 'Waits for the payment outside; there is no deadline.';
  return `Waits for the payment outside; marked as stuck at ${readableTime(saga.deadline)}.`;
}

import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import type { createCustodyActivities } from '../activities/custodyActivities.ts';
import { lineOf } from '../src/contracts/markdown.ts';
import type { WithdrawalState } from '../src/contracts/resources.ts';
import { CHAIN_TASK_QUEUE, CUSTODY_WATCH_MS } from '../src/contracts/sagas.ts';
import type { OpenWithdrawalInput } from '../src/contracts/steps.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainWait, isTimeForNewRun } from './chainSteps.ts';
import { SAGA_ACTOR } from './deadline.ts';
import { becauseOf, type Guidance, readableTime } from './details.ts';
import { undoGroup } from './giveBack.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';
import { WithdrawalPolicy } from './withdrawalPolicy.ts';

const BUTTONS: Buttons = { settle: 'finalize', release: 'releaseWithdrawal', cancel: 'cancel' };

/** Work with a custodian and a node, both slow at times; tried again without end. */
const custody = proxyActivities<ReturnType<typeof createCustodyActivities>>({
  taskQueue: CHAIN_TASK_QUEUE,
  startToCloseTimeout: '150 seconds',
  retry: {
    initialInterval: '500 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
  },
});

/** Longest pause between two questions to the custodian: it may know more, and no hint is sure. */
const MOST_PAUSE_MS = 60_000;
/** The custodian cannot have it yet: it may be given back, and its deadline counts. */
const UNBEGUN: readonly WithdrawalState[] = [
  'requested',
  'held',
  'awaiting_approval',
  'awaiting_funds',
];

/**
 * A withdrawal that a custodian signs and broadcasts: held, asked for under the group's id, and
 * followed until the chain shows the payment in a final block, or the custodian's refusal stands.
 * Until it is asked the withdrawal can be given back; from then on nobody does.
 */
export function custodialWithdrawal(input: OpenWithdrawalInput): Promise<SagaResult> {
  const view: View = { why: null };
  const policy = new WithdrawalPolicy(input);
  const saga = new GroupSaga(input.groupId, (self) => explain(self, view, policy));
  const wait = new ChainWait();
  handleActs(saga, BUTTONS);
  return saga.run(async (compensate) => {
    compensate(undoGroup(saga, { ...input, kind: 'withdrawal' }, 'releaseWithdrawal'));
    const summary = `Hold ${input.amount} of ${input.wallet} for ${lineOf(input.destination)}`;
    await saga.open(() => ledger.openWithdrawal.executeWithOptions({ summary }, [input]));
    await policy.pass(saga, (expiresAt) => expireWaiting(saga, expiresAt));
    while (saga.isOpen()) {
      const before = stateOf(saga);
      wait.beforeLook();
      // Cancelling the workflow gives the withdrawal back while it can be; later it is ignored.
      if (isUnbegun(saga)) saga.throwIfCancelled();
      await look(saga, view);
      if (!saga.isOpen()) break;
      if (isTimeForNewRun()) {
        // Asked for during the look: the new run would not know it.
        if (isUnbegun(saga)) saga.throwIfCancelled();
        await continueAsNew<typeof custodialWithdrawal>(input);
      }
      if (stateOf(saga) !== before) wait.quicken();
      const isOver = () => !saga.isOpen() || (saga.cancelAsked && isUnbegun(saga));
      await wait.pause('Next question to the custodian, if no hint comes', pauseMs(saga), isOver);
    }
    if (saga.group?.reason?.startsWith('CUSTODIAN_')) await watchAfterwards(saga, view, wait);
  });
}

/**
 * A custodian may pay what it has failed for good, so it is asked for some days more; what it paid
 * is booked as a loss and told. The withdrawal itself has ended.
 */
async function watchAfterwards(saga: GroupSaga, view: View, wait: ChainWait): Promise<void> {
  // From the end of the group on, whichever run of the saga it is.
  const until = Date.parse(saga.group?.finishedAt ?? '') + CUSTODY_WATCH_MS;
  wait.quicken();
  while (Date.now() < until) {
    const options = { summary: 'Ask whether it was paid after all' };
    wait.beforeLook();
    const found = await custody.lookAfterRelease.executeWithOptions(options, [saga.groupId]);
    view.why = found.why;
    if (found.isPaid) return saga.readAgain();
    const left = until - Date.now();
    await wait.pause('Next question after the failure, if no hint comes', left, () => false);
  }
}

interface View {
  why: string | null;
}

async function look(saga: GroupSaga, view: View): Promise<void> {
  const options = { summary: 'Ask the custodian, look at the chain: pay, settle or wait' };
  const looked = await custody.advanceCustody.executeWithOptions(options, [saga.groupId]);
  view.why = looked.why;
  const { group } = looked;
  const outcome = { outcome: 'done', replayed: false, groupStatus: group.status, group } as const;
  saga.learn(outcome, 'look', 'custody');
}

/** Ends one that still waits for approval; the ledger says whether it does. */
async function expireWaiting(saga: GroupSaga, expiresAt: string): Promise<void> {
  const { groupId } = saga;
  const summary = `Expire: the deadline was ${readableTime(expiresAt)}`;
  const step = { groupId, stepKey: `~stuck:${expiresAt}`, actor: SAGA_ACTOR, expiresAt };
  saga.learn(await ledger.markStuck.executeWithOptions({ summary }, [step]), 'expire', 'saga');
}

/** A deadline counts as long as nothing was asked for; the look that follows lets it end. */
function pauseMs(saga: GroupSaga): number {
  const due = isUnbegun(saga) && saga.deadline ? Date.parse(saga.deadline) + 1 - Date.now() : null;
  return Math.max(Math.min(due ?? MOST_PAUSE_MS, MOST_PAUSE_MS), 1_000);
}

function stateOf(saga: GroupSaga): WithdrawalState {
  return saga.group?.withdrawal?.state ?? 'held';
}

function isUnbegun(saga: GroupSaga): boolean {
  return UNBEGUN.includes(stateOf(saga));
}

function explain(saga: GroupSaga, { why }: View, policy: WithdrawalPolicy): Guidance {
  if (!saga.opened) return { next: 'The ledger holds the amount.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this withdrawal has ended.', people: [] };
  const people = isUnbegun(saga)
    ? ['give it back: signal `release` with a reason, or the button Request Cancellation']
    : ['nothing here: the custodian may have paid. Look at its console by the id of this group'];
  const asked = policy.guidance(saga);
  if (asked) return { next: asked.next, people: [...asked.people, ...people] };
  return { next: (NEXT[stateOf(saga)] ?? 'Looks at the payment.') + becauseOf(why), people };
}

const NEXT: Partial<Record<WithdrawalState, string>> = {
  held: 'Asks the custodian to pay.',
  awaiting_funds: 'Waits until the custodian may be asked; tries again by itself.',
  signing: 'Asks the custodian to pay.',
  broadcast_unknown: 'Not known whether the custodian has it: asks by the id, then perhaps again.',
  broadcast: 'The custodian has it. Waits until the chain shows the payment.',
  confirmed: 'Paid, says the custodian. Settles when the payment is in a final block.',
  stuck: 'The custodian says that it will not pay. Given back when that has stood long enough.',
};

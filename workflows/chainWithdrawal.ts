import { continueAsNew } from '@temporalio/workflow';
import type { WithdrawalProgress } from '../activities/chainActivities.ts';
import type { WithdrawalState } from '../src/contracts/resources.ts';
import type { OpenWithdrawalInput } from '../src/contracts/steps.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainWait, chain, isTimeForNewRun } from './chainSteps.ts';
import { SAGA_ACTOR } from './deadline.ts';
import { type Guidance, readableTime } from './details.ts';
import { undoGroup } from './giveBack.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';
import { WithdrawalPolicy } from './withdrawalPolicy.ts';

const BUTTONS: Buttons = { settle: 'finalize', release: 'releaseWithdrawal', cancel: 'cancel' };

/** Nothing was signed: it may be given back, and its deadline counts. */
const UNSIGNED: readonly WithdrawalState[] = [
  'requested',
  'held',
  'awaiting_approval',
  'awaiting_funds',
];
/** Its payment stands in a block, as far as the chain was read. */
const INCLUDED: readonly WithdrawalState[] = ['in_block', 'confirmed', 'reverted'];
/** Between two tries to pay, or to send the same bytes again: a node may have dropped them. */
const MOST_PAUSE_MS = 300_000;
/** `Date.parse` drops microseconds; one millisecond more and the database agrees. */
const ROUNDING_MS = 1;

/**
 * A withdrawal to a chain: held, signed, sent, followed until its block is final. All that was done
 * stands in the ledger, so a run that begins again goes on there; an attempt that exists is
 * followed and never signed anew. Until signing begins it can be given back; from then on the chain
 * decides.
 */
export function chainWithdrawal(input: OpenWithdrawalInput): Promise<SagaResult> {
  const view: View = { why: null, looks: 0 };
  const policy = new WithdrawalPolicy(input);
  const saga = new GroupSaga(input.groupId, (self) => explain(self, view, policy));
  const wait = new ChainWait();
  handleActs(saga, BUTTONS);
  return saga.run(async (compensate) => {
    compensate(undoGroup(saga, { ...input, kind: 'withdrawal' }, 'releaseWithdrawal'));
    const summary = `Hold ${input.amount} of ${input.wallet} for ${input.destination}`;
    await saga.open(() => ledger.openWithdrawal.executeWithOptions({ summary }, [input]));
    await policy.pass(saga, (deadline) => expireAt(saga, deadline));
    while (saga.isOpen()) {
      const before = stateOf(saga);
      view.looks = saga.answers;
      wait.beforeLook();
      // Cancelling the workflow gives the withdrawal back while it can be; later it is ignored.
      if (isUnsigned(saga)) saga.throwIfCancelled();
      const lookAgainInSeconds = await advance(saga, view);
      if (!saga.isOpen()) break;
      // Its block was dropped: the same bytes go out again at once.
      if (INCLUDED.includes(before) && !INCLUDED.includes(stateOf(saga))) continue;
      if (isTimeForNewRun()) await continueAsNew<typeof chainWithdrawal>(input);
      if (stateOf(saga) !== before) wait.quicken();
      await pause(saga, view, wait, lookAgainInSeconds);
      await expireWhenDue(saga);
    }
  });
}

interface View {
  why: string | null;
  /** Answers that the saga has, as far as the look under way began with or brought them. */
  looks: number;
}

/** Goes as far as it can be gone now. Answers when something is due without a hint, or null. */
async function advance(saga: GroupSaga, view: View): Promise<number | null> {
  const args: [string] = [saga.groupId];
  if (!hasBytes(saga)) {
    const options = { summary: 'Sign the payment, if it can be paid now' };
    learn(saga, view, await chain.signWithdrawal.executeWithOptions(options, args));
    if (!saga.isOpen() || isUnsigned(saga)) return null;
  }
  if (!INCLUDED.includes(stateOf(saga))) {
    const options = { summary: 'Send the signed bytes' };
    learn(saga, view, await chain.broadcastWithdrawal.executeWithOptions(options, args));
  }
  const options = { summary: 'Look at the chain: confirm, settle or wait' };
  const followed = await chain.followWithdrawal.executeWithOptions(options, args);
  // Why it is not known where the bytes are stays on show until a block has them.
  const why = followed.why ?? (INCLUDED.includes(stateOf(saga)) ? null : view.why);
  learn(saga, view, { ...followed, why });
  if (followed.replace) await replaceAttempt(saga, view);
  return followed.lookAgainInSeconds;
}

/** The same nonce with a higher fee, or its cancellation: signed, then sent like any attempt. */
async function replaceAttempt(saga: GroupSaga, view: View): Promise<void> {
  const args: [string] = [saga.groupId];
  const signing = { summary: 'Sign the replacement that is due' };
  const replaced = await chain.replaceWithdrawal.executeWithOptions(signing, args);
  const sending = { summary: 'Send the replacement' };
  const sent = await chain.broadcastWithdrawal.executeWithOptions(sending, args);
  learn(saga, view, { ...sent, why: replaced.why ?? sent.why });
}

function learn(saga: GroupSaga, view: View, { group, why }: WithdrawalProgress): void {
  view.why = why;
  view.looks += 1;
  saga.learn(
    { outcome: 'done', replayed: false, groupStatus: group.status, group },
    'look',
    'chain',
  );
}

async function pause(
  saga: GroupSaga,
  view: View,
  wait: ChainWait,
  dueInSeconds: number | null,
): Promise<void> {
  const unsigned = isUnsigned(saga);
  const due = [
    // What stands in a block is told by hints; what does not is tried again by us.
    INCLUDED.includes(stateOf(saga)) ? null : MOST_PAUSE_MS,
    unsigned && saga.deadline ? msUntil(saga.deadline) : null,
    // Due at once is due soon: a look has just been taken.
    dueInSeconds === null ? null : Math.max(dueInSeconds * 1_000, 1_000),
  ].filter((ms) => ms !== null);
  const summary = unsigned
    ? 'Next try to pay, if no hint comes'
    : 'Next look at the chain, if no hint comes';
  // An act of a person that came since the look began: what it asks for is looked at once.
  const isOver = () =>
    !saga.isOpen() || saga.answers !== view.looks || (saga.cancelAsked && isUnsigned(saga));
  await wait.pause(summary, due.length > 0 ? Math.min(...due) : null, isOver);
}

/** The deadline ends a withdrawal only before signing began; the ledger says whether it did. */
async function expireWhenDue(saga: GroupSaga): Promise<void> {
  const { deadline } = saga;
  if (!saga.isOpen() || !isUnsigned(saga) || deadline === null || msUntil(deadline) > 0) return;
  await expireAt(saga, deadline);
}

async function expireAt(saga: GroupSaga, deadline: string): Promise<void> {
  const { groupId } = saga;
  const summary = `Expire: the deadline was ${readableTime(deadline)}`;
  const step = { groupId, stepKey: `~expire:${deadline}`, actor: SAGA_ACTOR, expiresAt: deadline };
  saga.learn(await ledger.expire.executeWithOptions({ summary }, [step]), 'expire', 'saga');
}

/** By workflow time, which is read from the history and is the same in every replay. */
function msUntil(deadline: string): number {
  return Date.parse(deadline) + ROUNDING_MS - Date.now();
}

function stateOf(saga: GroupSaga): WithdrawalState {
  return saga.group?.withdrawal?.state ?? 'held';
}

/** An attempt is shown from the moment on when its bytes are stored. */
function hasBytes(saga: GroupSaga): boolean {
  return (saga.group?.withdrawal?.attempts.length ?? 0) > 0;
}

function isUnsigned(saga: GroupSaga): boolean {
  return UNSIGNED.includes(stateOf(saga));
}

function explain(saga: GroupSaga, { why }: View, policy: WithdrawalPolicy): Guidance {
  if (!saga.opened) return { next: 'The ledger holds the amount.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this withdrawal has ended.', people: [] };
  const reason = why === null ? '' : ` ${why[0]?.toUpperCase()}${why.slice(1)}.`;
  const people = isUnsigned(saga)
    ? ['give it back: signal `release` with a reason, or the button Request Cancellation']
    : INCLUDED.includes(stateOf(saga))
      ? ['nothing: a block has it, so only the chain ends it']
      : ['raise its fee: update `speedUp`', 'try to take it back: update `cancelOnChain`'];
  const asked = policy.guidance(saga);
  if (asked) return { next: asked.next, people: [...asked.people, ...people] };
  return { next: NEXT[stateOf(saga)] + reason, people };
}

const NEXT: Record<WithdrawalState, string> = {
  requested: 'The ledger holds the amount.',
  held: 'Signs and sends the payment.',
  awaiting_approval: 'Waits for an approval.',
  awaiting_funds: 'Waits until the payment can be made; tries again by itself.',
  signing: 'Signs the payment.',
  signed: 'Sends the payment.',
  broadcast: 'Sent. Waits for a block.',
  broadcast_unknown: 'It is not known whether the node has it: sends the same bytes again.',
  in_block: 'In a block. Waits for confirmations.',
  confirmed: 'Confirmed. Settles when its block is final.',
  stuck: 'In no block for too long. Still held; sends the same bytes again and keeps looking.',
  replacing: 'Waits for the replacement with a higher fee.',
  cancelling: 'Waits for the cancellation on the chain.',
  reverted: 'The chain reverted it. Given back, without the fee, when its block is final.',
  settled: 'Nothing, it was paid.',
  released: 'Nothing, it was given back.',
  late_confirmed: 'It was paid after it had been given back. Somebody must look.',
};

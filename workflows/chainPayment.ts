/**
 * The loop of a payment on a chain, whoever it is for: sign, send, look, wait. All that was done
 * stands in the ledger, so a run that begins again goes on there; an attempt that exists is
 * followed and never signed anew.
 */
import type { WithdrawalProgress } from '../activities/chainActivities.ts';
import type { WithdrawalState } from '../src/contracts/resources.ts';
import { ChainWait, chain, isTimeForNewRun } from './chainSteps.ts';
import { becauseOf } from './details.ts';
import type { GroupSaga } from './groupSaga.ts';

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

export interface PaymentTurns {
  /** Ends this run and begins the next one with the same input. */
  goOn(): Promise<never>;
  /** After each wait: what else may be due, such as a deadline. */
  afterWait(): Promise<void>;
}

/** Made before the first await: it registers the chain's hint. */
export class ChainPayment {
  /** What it waits for, in a sentence; null where it goes on. */
  why: string | null = null;
  /** Answers that the saga has, as far as the look under way began with or brought them. */
  looks = 0;
  private readonly wait = new ChainWait();

  /** Until the group has ended, by the chain or by whoever may end it. */
  async follow(saga: GroupSaga, { goOn, afterWait }: PaymentTurns): Promise<void> {
    const { wait } = this;
    while (saga.isOpen()) {
      const before = stateOf(saga);
      this.looks = saga.answers;
      wait.beforeLook();
      // Cancelling the workflow gives the payment back while it can be; later it is ignored.
      if (isUnsigned(saga)) saga.throwIfCancelled();
      const lookAgainInSeconds = await advance(saga, this);
      if (!saga.isOpen()) break;
      // Its block was dropped: the same bytes go out again at once.
      if (INCLUDED.includes(before) && !INCLUDED.includes(stateOf(saga))) continue;
      if (isTimeForNewRun()) {
        // Asked for during the look: the new run would not know it.
        if (isUnsigned(saga)) saga.throwIfCancelled();
        await goOn();
      }
      if (stateOf(saga) !== before) wait.quicken();
      await pause(saga, this, wait, lookAgainInSeconds);
      await afterWait();
    }
  }
}

/** Goes as far as it can be gone now. Answers when something is due without a hint, or null. */
async function advance(saga: GroupSaga, view: ChainPayment): Promise<number | null> {
  const args: [string] = [saga.groupId];
  if (!hasBytes(saga)) {
    const options = { summary: 'Sign the payment, if it can be paid now' };
    const signed = await chain.signWithdrawal.executeWithOptions(options, args);
    learn(saga, view, signed);
    if (!saga.isOpen() || isUnsigned(saga)) return signed.lookAgainInSeconds;
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
async function replaceAttempt(saga: GroupSaga, view: ChainPayment): Promise<void> {
  const args: [string] = [saga.groupId];
  const signing = { summary: 'Sign the replacement that is due' };
  const replaced = await chain.replaceWithdrawal.executeWithOptions(signing, args);
  const sending = { summary: 'Send the replacement' };
  const sent = await chain.broadcastWithdrawal.executeWithOptions(sending, args);
  learn(saga, view, { ...sent, why: replaced.why ?? sent.why });
}

function learn(saga: GroupSaga, view: ChainPayment, { group, why }: WithdrawalProgress): void {
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
  view: ChainPayment,
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

/** By workflow time, which is read from the history and is the same in every replay. */
export function msUntil(deadline: string): number {
  return Date.parse(deadline) + ROUNDING_MS - Date.now();
}

/** Where the payment stands, as the ledger last told it. */
function stateOf(saga: GroupSaga): WithdrawalState {
  return saga.group?.withdrawal?.state ?? 'held';
}

/**
 * An attempt is shown from the moment on when its bytes are stored. One that is unsigned all the
 * same shows those of its batch, which ended without paying.
 */
function hasBytes(saga: GroupSaga): boolean {
  return !isUnsigned(saga) && (saga.group?.withdrawal?.attempts.length ?? 0) > 0;
}

/** Nothing of it can be on a chain. */
export function isUnsigned(saga: GroupSaga): boolean {
  return UNSIGNED.includes(stateOf(saga));
}

/** A block has it, so only the chain ends it. */
export function isIncluded(saga: GroupSaga): boolean {
  return INCLUDED.includes(stateOf(saga));
}

/** What comes next of an open payment, with what it waits for, in words for people. */
export function nextOf(saga: GroupSaga, { why }: ChainPayment): string {
  return NEXT[stateOf(saga)] + becauseOf(why);
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

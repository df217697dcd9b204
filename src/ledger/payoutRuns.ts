/** Payout runs: opening and ending them, and handing out the lines that are to be paid. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type {
  CancelPayoutRunInput,
  OpenPayoutRunInput,
  PayoutLineInput,
  PayoutOutcome,
  PayoutRun,
} from '../contracts/payouts.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { sameRequest } from './requests.ts';

type Answer = (
  | { outcome: 'done'; run: PayoutRun }
  | { outcome: 'refused'; frozen: boolean; refusal: Refusal }
  | { outcome: 'not_found' }
) & { replayed?: true; request?: unknown };

/** A line that is to be paid, and the group that pays it. */
export interface PayoutLineDue {
  line: number;
  groupId: string;
  amount: Amount;
  /** Its own, or the run's. */
  reference: string | null;
  /** Null: it goes outside. */
  wallet: string | null;
  out: PayoutOut | null;
}

/** Where a line goes that leaves for the outside, and on which terms. */
export interface PayoutOut {
  destination: string;
  feeMode: 'platform' | 'customer';
  maxFee: Amount | null;
  expiresIn: number | null;
}

/** A run as it is now, with the lines that whoever asked has to pay next. */
export interface PayoutAdvance {
  run: PayoutRun;
  lines: PayoutLineDue[];
  /** Withdrawals that were given back by this call, of a run that is being cancelled. */
  gaveBack: number;
  /** The key of every line's first step, and who asked for the run with which right. */
  stepKey: string;
  client: string;
  admin: boolean;
}

/** A line as it is stored: its destination is in the spelling of its chain. */
type CanonicalLine = Omit<PayoutLineInput, 'fault'>;

/** References and terms where there are some: that the platform pays the network goes unsaid. */
function canonicalLine({ wallet, destination, amount, ...line }: PayoutLineInput): CanonicalLine {
  return {
    ...(destination == null ? { wallet: wallet ?? null } : { destination }),
    amount: canonicalAmount(amount),
    ...(line.reference == null ? {} : { reference: line.reference }),
    ...(line.feeMode === 'customer' ? { feeMode: line.feeMode } : {}),
    ...(line.maxFee == null ? {} : { maxFee: canonicalAmount(line.maxFee) }),
  };
}

/** What a list means: amounts canonical. */
function canonicalOf({ wallet, lines, expiresIn, reference, metadata }: OpenPayoutRunInput) {
  return {
    wallet,
    lines: lines.map(canonicalLine),
    ...(expiresIn == null ? {} : { expiresIn }),
    reference,
    metadata,
  };
}

/** The lines that leave for the outside, as `payout_destination_faults` reads them, or null. */
function outOf(lines: CanonicalLine[], { lines: said, expiresIn }: OpenPayoutRunInput) {
  const out = lines.flatMap(({ destination, amount, feeMode, maxFee }, index) =>
    destination == null
      ? []
      : [
          {
            line: index + 1,
            destination,
            amount,
            fault: said[index]?.fault ?? null,
            feeMode: feeMode ?? 'platform',
            maxFee: maxFee ?? null,
          },
        ],
  );
  return out.length === 0 ? null : JSON.stringify({ expiresIn: expiresIn ?? null, lines: out });
}

/**
 * Opens a run with all of its lines, or refuses the list whole with the pointers of up to 100 lines
 * at fault. Nothing is held: each line finds out for itself whether it can be paid.
 */
export function openPayoutRun(db: Db, input: OpenPayoutRunInput): Promise<PayoutOutcome> {
  const { runId, stepKey, actor, client } = input;
  const request = canonicalOf(input);
  const { lines } = request;
  return decide(db, 'ledger_open_payout_run', request, [
    runId,
    stepKey,
    actor.name,
    actor.admin,
    JSON.stringify(request),
    client,
    request.wallet,
    lines.map(({ wallet }) => wallet ?? null),
    lines.map(({ amount }) => amount),
    lines.map(({ reference }) => reference ?? null),
    request.reference,
    JSON.stringify(request.metadata),
    outOf(lines, input),
  ]);
}

/** What `openPayoutRun` answered under this key before, or null. */
export async function replayPayoutRun(
  db: Db,
  input: OpenPayoutRunInput,
): Promise<PayoutOutcome | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'ledger_replay',
      text: 'select ledger_replay($1, $2) as answer',
      values: [input.runId, input.stepKey],
    }),
  );
  const answer: Answer | null = rows[0]?.answer ?? null;
  return answer === null ? null : outcomeOf(answer, canonicalOf(input));
}

/**
 * Ends a run: lines that are not paid by now will not be, and those that are stay so. With
 * withdrawals that may be on their way it is CANCELLING until these have ended. Refuses with
 * GROUP_NOT_OPEN where the run has ended or is being cancelled.
 */
export function cancelPayoutRun(db: Db, input: CancelPayoutRunInput): Promise<PayoutOutcome> {
  const { runId, stepKey, actor, reason, freeze = true } = input;
  const request = { reason };
  return decide(db, 'ledger_cancel_payout_run', request, [
    runId,
    stepKey,
    actor.name,
    JSON.stringify(request),
    reason,
    freeze,
  ]);
}

/**
 * Writes down what became of lines that were handed out, and hands out the next ones.
 *
 * @param most how many may be out at a time; 0 hands out none that is not out already
 * @param begun lines whose sagas were started since the last call
 * @returns null where there is no such run
 */
export async function advancePayoutRun(
  db: Db,
  runId: string,
  most: number,
  begun: readonly number[] = [],
): Promise<PayoutAdvance | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'ledger_advance_payout_run',
      text: 'select ledger_advance_payout_run($1, $2, $3) as answer',
      values: [runId, most, begun],
    }),
  );
  const { outcome, ...advance } = rows[0]?.answer ?? {};
  return outcome === 'done' ? advance : null;
}

async function decide(
  db: Db,
  name: string,
  request: unknown,
  values: unknown[],
): Promise<PayoutOutcome> {
  const marks = values.map((_, index) => `$${index + 1}`).join(', ');
  const query = { name, text: `select ${name}(${marks}) as answer`, values };
  const { rows } = await withRetry(() => db.query<{ answer: Answer }>(query));
  const answer = rows[0]?.answer;
  if (answer === undefined) throw new Error(`${name} answered nothing`);
  return outcomeOf(answer, request);
}

function outcomeOf(answer: Answer, asked: unknown): PayoutOutcome {
  const { replayed = false, request: stored, ...outcome } = answer;
  if (replayed && !sameRequest(stored, asked)) return { outcome: 'key_reused', stored, asked };
  return outcome.outcome === 'not_found' ? outcome : { ...outcome, replayed };
}

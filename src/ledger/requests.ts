/**
 * The canonical form of a step's request: what it means, without who retried it and when. It is
 * stored in the op row, so that a key used again for something else is noticed, field by field.
 */
import { addAmounts, canonicalAmount } from '../contracts/amounts.ts';
import type {
  AddLegsInput,
  CaptureInput,
  ExpireInput,
  ExtendInput,
  GiveBackInput,
  LegAmount,
  LegInput,
  OpenDepositInput,
  OpenTransferInput,
  OpenWithdrawalInput,
  RecordRiskInput,
  ReleaseWithdrawalInput,
  ReplaceAttemptInput,
  ReverseInput,
  SettleInput,
  TombstoneInput,
} from '../contracts/steps.ts';

/** The ledger's verbs and what each is told. */
export interface StepInputs {
  openTransfer: OpenTransferInput;
  addLegs: AddLegsInput;
  settle: SettleInput;
  release: GiveBackInput;
  cancel: GiveBackInput;
  expire: ExpireInput;
  extend: ExtendInput;
  reverse: ReverseInput;
  openDeposit: OpenDepositInput;
  confirmDeposit: CaptureInput;
  cancelDeposit: GiveBackInput;
  openWithdrawal: OpenWithdrawalInput;
  finalizeWithdrawal: CaptureInput;
  releaseWithdrawal: ReleaseWithdrawalInput;
  speedUp: ReplaceAttemptInput;
  cancelOnChain: ReplaceAttemptInput;
  markStuck: ExpireInput;
  approve: GiveBackInput;
  reject: GiveBackInput;
  recordRisk: RecordRiskInput;
  tombstone: TombstoneInput;
}
export type LedgerVerb = keyof StepInputs;
/** Any step's input; the verb tells which. */
export type AnyStepInput = StepInputs[LedgerVerb];

const amountOrNull = (amount: string | null | undefined) =>
  amount == null ? null : canonicalAmount(amount);

function canonicalLegs(legs: LegInput[]) {
  return legs.map(({ wallet, type, amount, asset }) => ({
    wallet,
    type,
    amount: canonicalAmount(amount),
    // The API leaves it out where it is the wallet's own, so that named or not is the same.
    ...(asset == null ? {} : { asset }),
  }));
}

/** Sorted by leg, several parts of one leg added up; null: not named at all. */
export function canonicalLegAmounts(legs: LegAmount[] | null): LegAmount[] | null {
  if (legs === null) return null;
  const sums = new Map<number, string>();
  for (const { leg, amount } of legs) {
    const before = sums.get(leg);
    sums.set(leg, before === undefined ? canonicalAmount(amount) : addAmounts(before, amount));
  }
  return [...sums].sort(([a], [b]) => a - b).map(([leg, amount]) => ({ leg, amount }));
}

const giveBack = ({ reason }: GiveBackInput) => ({ reason });
const deadline = ({ expiresAt }: ExpireInput) => ({ expiresAt });
const replacement = ({ maxFee }: ReplaceAttemptInput) => ({ maxFee: amountOrNull(maxFee) });
const capture = ({ amount, final, txid }: CaptureInput) => ({
  amount: amountOrNull(amount),
  final,
  txid: txid ?? null,
});

const CANONICAL: { [V in LedgerVerb]: (input: StepInputs[V]) => Record<string, unknown> } = {
  openTransfer: ({ legs, settle, expiresIn, reference, metadata }) => ({
    legs: canonicalLegs(legs),
    settle,
    expiresIn: expiresIn ?? null,
    reference: reference ?? null,
    metadata: metadata ?? {},
  }),
  addLegs: ({ legs }) => ({ legs: canonicalLegs(legs) }),
  settle: ({ legs, final }) => ({ legs: canonicalLegAmounts(legs), final }),
  release: giveBack,
  cancel: giveBack,
  expire: deadline,
  extend: ({ expiresIn }) => ({ expiresIn }),
  reverse: ({ reverses, amount, legs, reason }) => ({
    reverses,
    amount: amountOrNull(amount),
    legs: canonicalLegAmounts(legs),
    reason,
  }),
  openDeposit: ({ wallet, amount, txid, ordinal, source, metadata }) => ({
    wallet,
    amount: canonicalAmount(amount),
    txid: txid ?? null,
    ordinal: ordinal ?? null,
    source: source ?? null,
    metadata: metadata ?? {},
  }),
  confirmDeposit: capture,
  cancelDeposit: giveBack,
  openWithdrawal: (input) => ({
    wallet: input.wallet,
    amount: canonicalAmount(input.amount),
    destination: input.destination,
    feeMode: input.feeMode,
    maxFee: amountOrNull(input.maxFee),
    riskMeta: input.riskMeta ?? null,
    expiresIn: input.expiresIn ?? null,
    metadata: input.metadata ?? {},
    ...(input.reference == null ? {} : { reference: input.reference }),
  }),
  finalizeWithdrawal: capture,
  releaseWithdrawal: ({ reason, amount, final }) => ({
    reason,
    amount: amountOrNull(amount),
    final,
  }),
  speedUp: replacement,
  cancelOnChain: replacement,
  markStuck: deadline,
  approve: giveBack,
  reject: giveBack,
  recordRisk: ({ verdict, reason }) => ({ verdict, reason }),
  tombstone: ({ kind, client, reason }) => ({ kind, client, reason }),
};

/**
 * What a request means: defaults filled, amounts canonical, nothing of who, when or under which
 * key. Pure. Takes amounts that were checked.
 */
export function canonicalRequest(verb: LedgerVerb, input: AnyStepInput): Record<string, unknown> {
  return (CANONICAL[verb] as (input: AnyStepInput) => Record<string, unknown>)(input);
}

/** What the caller keeps here: nobody but the caller knows whether a null in it is nothing. */
export const OPAQUE_FIELDS: readonly PropertyKey[] = ['metadata', 'riskMeta'];

/** True where two canonical requests mean the same; null and left out is no difference. */
export function sameRequest(stored: unknown, asked: unknown): boolean {
  return (stored ?? null) === (asked ?? null) || sameFields(stored, asked, false);
}

/** @param isOpaque the fields are the caller's own, in which null and left out are two things */
function sameFields(stored: unknown, asked: unknown, isOpaque: boolean): boolean {
  if (stored == null || asked == null) return false;
  if (typeof stored !== 'object' || typeof asked !== 'object') return false;
  if (Array.isArray(stored) !== Array.isArray(asked)) return false;
  if (Array.isArray(stored) && stored.length !== (asked as unknown[]).length) return false;
  const a = stored as Record<string, unknown>;
  const b = asked as Record<string, unknown>;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) => {
    const isSame = isOpaque ? a[key] === b[key] : (a[key] ?? null) === (b[key] ?? null);
    return isSame || sameFields(a[key], b[key], isOpaque || OPAQUE_FIELDS.includes(key));
  });
}

/**
 * Ids and keys. A group's id is its workflow's id and its idempotency key, so it is made of nothing
 * but what the caller said: no run id, no counter, no random.
 */
import type { GroupKind } from './resources.ts';

/** Verbs that a client's idempotency key can be scoped to. */
export type ActVerb =
  | 'create'
  | 'addLegs'
  | 'settle'
  | 'release'
  | 'cancel'
  | 'extend'
  | 'reverse'
  | 'confirm'
  | 'finalize'
  | 'approve'
  | 'reject'
  | 'speedUp'
  | 'cancelOnChain'
  | 'assign';

/** `<kind>:<client>:<idempotency key>`; clients cannot hold a colon, so two never meet. */
export function groupId(kind: GroupKind, client: string, idempotencyKey: string): string {
  return `${kind}:${client}:${idempotencyKey}`;
}

/**
 * A reversal's key is scoped to the group it reverses: `reversal:<client>:<n>:<original id>:<key>`,
 * where n is the length of the original's id: both it and the key may hold colons.
 */
export function reversalId(original: string, client: string, idempotencyKey: string): string {
  return `reversal:${client}:${original.length}:${original}:${idempotencyKey}`;
}

/**
 * Who an unattributed deposit is for: `assignment:<client>:<n>:<deposit's id>:<key>`, as above. The
 * group is a transfer; the word keeps it apart from those that a client names.
 */
export function assignmentId(deposit: string, client: string, idempotencyKey: string): string {
  return `assignment:${client}:${deposit.length}:${deposit}:${idempotencyKey}`;
}

/** `deposit:chain:<caip2>:<txid>:<ordinal>`, and `:<n>` from the second inclusion on. */
export function chainDepositId(
  chain: string,
  txid: string,
  ordinal: string,
  inclusionNo: number,
): string {
  const event = `deposit:chain:${chain}:${txid}:${ordinal}`;
  return inclusionNo > 1 ? `${event}:${inclusionNo}` : event;
}

/** `payoutRun:<client>:<idempotency key>`: of a payout run and of its workflow. */
export function payoutRunId(client: string, idempotencyKey: string): string {
  return `payoutRun:${client}:${idempotencyKey}`;
}

/**
 * The run of a line's transfer group `payout:<client>:<key>:<line>` (SQL: `payout_group_id`), or
 * null for any other group.
 */
export function payoutRunOf(groupId: string): string | null {
  const found = /^payout:(.+):\d+$/s.exec(groupId);
  return found === null ? null : `payoutRun:${found[1]}`;
}

/** Op key of a client's act: `<verb>:<client>:<idempotency key>`. */
export function stepKey(verb: ActVerb, client: string, idempotencyKey: string): string {
  return `${verb}:${client}:${idempotencyKey}`;
}

/** The ledger's side of replacing and proving; see migrations 0038 and 0039. */
import { CHAIN_ACTOR, type ChainStepOutcome, callChainStep } from '../chains/chainStep.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { Attempt, Price } from './withdrawalTables.ts';

export interface Replacement {
  groupId: string;
  /** Number of the attempt that it takes the place of. */
  replaces: number;
  kind: Attempt['kind'];
  destination: string;
  price: Price;
  /** For the timeline; of a cancellation also the reason that the group ends with. */
  reason: string;
}

/** The attempt to sign, or `over`: a block has one by now, or the group ended. */
export type Replaced = { result: 'signing'; attempt: Attempt } | { result: 'over' };

/** Writes the attempt that replaces another one. Of two callers the first wins, both get it. */
export async function beginReplacement(db: Db, asked: Replacement): Promise<Replaced> {
  const { groupId, replaces, kind, destination, price, reason } = asked;
  const { rows } = await withRetry(() =>
    db.query<{ replaced: Replaced }>({
      name: 'chain_begin_replacement',
      text: 'select chain_begin_replacement($1, $2, $3, $4, $5, $6, $7, $8) as replaced',
      values: [
        groupId,
        CHAIN_ACTOR,
        replaces,
        kind,
        destination,
        JSON.stringify(price.terms),
        price.maxFee,
        reason,
      ],
    }),
  );
  const replaced = rows[0]?.replaced;
  if (!replaced) throw new Error('chain_begin_replacement answered nothing');
  return replaced;
}

/**
 * Tells in the timeline why what people asked for is not done. Where that was a payment with a
 * higher fee, a wish for a cancellation stays.
 */
export async function declineReplacement(
  db: Db,
  groupId: string,
  kind: Attempt['kind'],
  why: string,
): Promise<void> {
  const values = [groupId, kind, why];
  await withRetry(() => db.query('select chain_decline_replacement($1, $2, $3)', values));
}

/** Most that people said the next attempt may cost, in the native coin; null: nobody said. */
export async function wishedFee(db: Db, groupId: string): Promise<Amount | null> {
  const { rows } = await withRetry(() =>
    db.query<{ fee: Amount | null }>('select amount_text(chain_wished_fee($1)) as fee', [groupId]),
  );
  return rows[0]?.fee ?? null;
}

/** Ids of all transactions that were signed for a withdrawal, oldest first. */
export async function signedTransactions(db: Db, groupId: string): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query<{ txid: string }>(
      `select txid from withdrawal_attempts
       where group_id = $1 and txid is not null order by attempt_no`,
      [groupId],
    ),
  );
  return rows.map(({ txid }) => txid);
}

/**
 * Gives a withdrawal back whose nonce something else spent in a final block, and pauses the sender.
 * Checked again under lock; else `waiting`.
 *
 * @param final highest final block, as the stored chain has it
 * @param spentBy id of the transaction that spent the nonce
 */
export function releaseSpent(
  db: Db,
  groupId: string,
  final: { height: number; hash: string },
  spentBy: string,
): Promise<ChainStepOutcome> {
  return callChainStep(db, 'chain_release_spent', [
    groupId,
    CHAIN_ACTOR,
    final.height,
    final.hash,
    spentBy,
  ]);
}

/** Takes over a transaction that pays a withdrawal although these books do not know it. */
export async function adoptTransaction(
  db: Db,
  groupId: string,
  { txid, bytes, terms, maxFee }: { txid: string; bytes: string } & Price,
): Promise<void> {
  await withRetry(() =>
    db.query('select chain_adopt_transaction($1, $2, $3, $4, $5, $6)', [
      groupId,
      CHAIN_ACTOR,
      txid,
      bytes,
      JSON.stringify(terms),
      maxFee,
    ]),
  );
}

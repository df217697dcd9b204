/** The ledger's side of nonces that are open again; see migrations 0038 and 0071. */
import { CHAIN_ACTOR } from '../chains/chainStep.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { Replaced } from './replacementTables.ts';
import type { Price } from './withdrawalTables.ts';

/** The nonce of a group that ended without paying, and that nothing in the stored chain has. */
export interface OpenNonce {
  /** Until a transfer of nothing is due, or one with a higher fee; null: never by itself. */
  dueInSeconds: number | null;
  /** The signer refused one, and is not asked again before that. */
  refused: boolean;
  /** Highest final stored block; null where none is. */
  final: { height: number; hash: string } | null;
}

/**
 * Null where the nonce of this group is not open, or the chain stands still.
 *
 * @param afterSeconds so long bytes that may as well be mined are waited for; null: for ever
 */
export async function readOpenNonce(
  db: Db,
  groupId: string,
  afterSeconds: number | null,
): Promise<OpenNonce | null> {
  const { rows } = await withRetry(() =>
    db.query<{ open: OpenNonce | null }>('select chain_open_nonce_json($1, $2) as open', [
      groupId,
      afterSeconds,
    ]),
  );
  return rows[0]?.open ?? null;
}

/** Writes the transfer of nothing that takes the nonce. Of two callers both get the same one. */
export async function beginSpending(
  db: Db,
  asked: {
    groupId: string;
    /** Number of the attempt that it takes the place of. */
    replaces: number;
    destination: string;
    price: Price;
    afterSeconds: number | null;
  },
): Promise<Replaced> {
  const { groupId, replaces, destination, price, afterSeconds } = asked;
  const { rows } = await withRetry(() =>
    db.query<{ begun: Replaced }>({
      name: 'chain_begin_spending',
      text: 'select chain_begin_spending($1, $2, $3, $4, $5, $6, $7) as begun',
      values: [
        groupId,
        CHAIN_ACTOR,
        replaces,
        destination,
        JSON.stringify(price.terms),
        price.maxFee,
        afterSeconds,
      ],
    }),
  );
  const begun = rows[0]?.begun;
  if (!begun) throw new Error('chain_begin_spending answered nothing');
  return begun;
}

/** Notes that a final block has something on the nonce that is not ours. Checked under lock. */
export async function noteTaken(
  db: Db,
  groupId: string,
  final: { height: number; hash: string },
  spentBy: string,
): Promise<boolean> {
  const { rows } = await withRetry(() =>
    db.query<{ noted: boolean }>('select chain_note_taken($1, $2, $3, $4) as noted', [
      groupId,
      final.height,
      final.hash,
      spentBy,
    ]),
  );
  return rows[0]?.noted === true;
}

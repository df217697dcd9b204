/** What spent a nonce up to a final block, where the stored chain bears it out. */
import type { ChainPort, Spending } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/**
 * The transaction that spent a nonce up to a final block of the stored chain; null where none has,
 * or where the node tells of another chain. The block that has it is compared as well as the final
 * one: of several nodes behind one address each may have answered one of the questions.
 *
 * @throws ChainUnavailable where the node does not answer or contradicts itself
 */
export async function spentForGood(
  db: Db,
  port: ChainPort,
  { sender, nonce }: { sender: string; nonce: number },
  final: { height: number; hash: string },
): Promise<Spending | null> {
  const spent = await port.spentBy(sender, nonce, final.height);
  if (spent === null) return null;
  if ((await port.blockByHeight(final.height))?.hash !== final.hash) return null;
  return (await isOnOtherBranch(db, port, spent)) ? null : spent;
}

/** Blocks that are forgotten, or were never read, lie below all that can turn back. */
async function isOnOtherBranch(db: Db, { chain }: ChainPort, { height, blockHash }: Spending) {
  const { rows } = await withRetry(() =>
    db.query<{ other: boolean }>(
      `select exists (select from chain_blocks
         where chain = $1 and height = $2 and canonical and hash <> $3) as other`,
      [chain, height, blockHash],
    ),
  );
  return rows[0]?.other !== false;
}

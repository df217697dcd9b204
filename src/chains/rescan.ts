/** Looking at a transaction once more, for whoever says that it was not seen. */
import type { ChainRescan, RescanRequest } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { readChainAssets } from './assets.ts';
import type { ChainPort } from './port.ts';
import { readEvents } from './readEvents.ts';

/**
 * Reads the block of a transaction again, as the watcher does, where that block was stored already:
 * what was not known to be ours at the time is recorded now. Blocks that are yet to be read are
 * left to the watcher, and what is recorded already stays as it is. Answers whether it was read.
 */
export async function rescanTransaction(db: Db, port: ChainPort, txid: string): Promise<boolean> {
  const status = await port.transactionStatus(txid);
  if (status.state !== 'included') return false;
  const block = await port.blockByHash(status.blockHash);
  if (block === null) return false;
  const events = await readEvents(db, port, await readChainAssets(db, port.chain), block);
  const { deposits, outcomes } = events;
  const { rows } = await db.query<{ read: boolean }>(
    'select chain_rescan_block($1, $2, $3, $4, $5, $6) as read',
    [
      port.chain,
      block.height,
      block.hash,
      block.parentHash,
      JSON.stringify(deposits),
      JSON.stringify(outcomes),
    ],
  );
  return rows[0]?.read === true;
}

/**
 * Asks the watcher to read blocks once more. Answers the rescan as it begins, or why there can be
 * none, in a sentence.
 *
 * @throws ChainUnavailable where a transaction is asked for and the node does not answer
 */
export async function askRescan(
  db: Db,
  port: () => Promise<ChainPort>,
  { chain, at, requestedBy, reason, liftHalts }: RescanRequest,
): Promise<ChainRescan | { refused: string }> {
  const range = 'txid' in at ? await blockOf(await port(), at.txid) : at;
  if ('refused' in range) return range;
  const { rows } = await withRetry(() =>
    db.query<{ answer: ChainRescan | { refused: string } }>(
      'select chain_ask_rescan($1, $2, $3, $4, $5, $6) as answer',
      [chain, range.from, range.to, requestedBy, reason, liftHalts],
    ),
  );
  const answer = rows[0]?.answer;
  if (!answer) throw new Error('chain_ask_rescan answered nothing');
  return answer;
}

async function blockOf(port: ChainPort, txid: string) {
  const status = await port.transactionStatus(txid);
  if (status.state === 'included') return { from: status.height, to: status.height };
  return { refused: `The node has no block with ${txid}: it is ${status.state}.` };
}

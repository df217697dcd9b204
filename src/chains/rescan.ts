/** Looking at a transaction once more, for whoever says that it was not seen. */
import type { Db } from '../db/pool.ts';
import { readChainAssets } from './assets.ts';
import type { ChainPort } from './port.ts';
import { readEvents } from './readEvents.ts';

/**
 * Reads the block of a transaction again, as the watcher does, where that block was stored already:
 * what was not known to be ours at the time is recorded now. Blocks that are yet to be read are
 * left to the watcher, and what is recorded already stays as it is.
 */
export async function rescanTransaction(db: Db, port: ChainPort, txid: string): Promise<void> {
  const status = await port.transactionStatus(txid);
  if (status.state !== 'included') return;
  const block = await port.blockByHash(status.blockHash);
  if (block === null) return;
  const events = await readEvents(db, port, await readChainAssets(db, port.chain), block);
  const { deposits, outcomes } = events;
  await db.query('select chain_rescan_block($1, $2, $3, $4, $5)', [
    port.chain,
    block.height,
    block.hash,
    JSON.stringify(deposits),
    JSON.stringify(outcomes),
  ]);
}

/** The books against the chain: what our addresses hold, and what they must hold. */
import { addAmounts, negateAmount } from '../contracts/amounts.ts';
import { type ChainReconciliation, ChainUnavailable } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { amountOf, type ChainAsset, readChainAssets } from './assets.ts';
import type { ChainPort } from './port.ts';

/**
 * Balances asked for at a time: some batches of the transport on their way, none of them queueing.
 */
const AT_ONCE = 200;

/**
 * Compares every asset of a chain at the highest block that is final and stored; at the cursor
 * where the node tells of no finality. Empty before the first block.
 *
 * @throws ChainUnavailable where the node does not answer, or no longer has that block's state
 */
export async function reconcileChain(db: Db, port: ChainPort): Promise<ChainReconciliation[]> {
  const block = await reconciledBlock(db, port);
  if (block === null) return [];
  const [assets, addresses] = await Promise.all([
    readChainAssets(db, port.chain),
    ownAddresses(db, port),
  ]);
  const lines: ChainReconciliation[] = [];
  for (const asset of assets.all) {
    const onChain = amountOf(asset, await sumOf(port, addresses, asset, block.height));
    const expected = await expectedOf(db, asset, block.height);
    const drift = addAmounts(onChain, negateAmount(expected));
    lines.push({
      chain: port.chain,
      asset: asset.code,
      block: block.height,
      onChain,
      expected,
      drift,
    });
  }
  // A node that turned back meanwhile has answered for another block of that height.
  if ((await port.blockByHeight(block.height))?.hash !== block.hash) {
    throw new ChainUnavailable(`Block ${block.height} changed while it was looked at.`);
  }
  return lines;
}

async function reconciledBlock(
  db: Db,
  port: ChainPort,
): Promise<{ height: number; hash: string } | null> {
  const { rows } = await withRetry(() =>
    db.query<{ height: string; hash: string }>(
      `select b.height, b.hash from chains c
       join chain_blocks b on b.chain = c.id and b.canonical
         and b.height = coalesce(c.finalized_height, c.cursor_height)
       where c.id = $1`,
      [port.chain],
    ),
  );
  const [row] = rows;
  return row ? { height: Number(row.height), hash: row.hash } : null;
}

async function ownAddresses(db: Db, { chain }: ChainPort): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query<{ address: string }>(
      `select address from hot_addresses where chain = $1
       union select address from deposit_addresses where family = chain_family($1)`,
      [chain],
    ),
  );
  return rows.map(({ address }) => address);
}

async function sumOf(
  port: ChainPort,
  addresses: readonly string[],
  { contract }: ChainAsset,
  height: number,
): Promise<bigint> {
  let sum = 0n;
  for (let at = 0; at < addresses.length; at += AT_ONCE) {
    const part = addresses.slice(at, at + AT_ONCE);
    const balances = part.map((address) => port.balanceOf(address, contract, height));
    for (const balance of await Promise.all(balances)) sum += balance;
  }
  return sum;
}

async function expectedOf(db: Db, { code }: ChainAsset, height: number): Promise<string> {
  const { rows } = await withRetry(() =>
    db.query<{ expected: string }>('select amount_text(chain_expected($1, $2)) as expected', [
      code,
      height,
    ]),
  );
  return rows[0]?.expected ?? '0';
}

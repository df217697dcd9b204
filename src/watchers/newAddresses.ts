/**
 * Coins that had come to an address before it was handed out: a restored database hands out the
 * same address again, and what came in between was seen by nobody.
 */
import { type ChainAsset, readChainAssets, unitsOf } from '../chains/assets.ts';
import { BalanceUnreadable } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import type { LookAgainDeps } from './lookAgain.ts';

/** Addresses a turn; each costs a balance per asset. */
const ADDRESSES_PER_TURN = 20;
/** How far back is looked by itself: a week of Ethereum. An operator can ask for more. */
const WINDOW_BLOCKS = 50_000;

/**
 * Compares what lies on new addresses with what is known to have come there. Where there is more,
 * the blocks of the window are read again.
 *
 * @returns how many addresses were looked at
 */
export async function lookAtNewAddresses(deps: LookAgainDeps): Promise<number> {
  const { db, watch, log } = deps;
  const due = await dueAddresses(db, watch);
  const assets = await readChainAssets(db, watch.chain);
  for (const { address, cursor, hash } of due) {
    const known = await knownAmounts(db, watch.chain, address, cursor);
    const balances = await Promise.all(
      assets.all.map((asset) => balanceIfTold(deps, asset, address, hash)),
    );
    const more = assets.all.filter((asset, at) => {
      const expected = unitsOf(asset, known.get(asset.code) ?? '0');
      return (balances[at] ?? 0n) > expected;
    });
    if (more.length > 0) {
      const codes = more.map(({ code }) => code).join(', ');
      log.warn({ chain: watch.chain, address, assets: codes }, 'coins came before the address did');
      await askRescan(db, watch.chain, cursor, address, codes);
    }
    await db.query('delete from chain_new_addresses where chain = $1 and address = $2', [
      watch.chain,
      address,
    ]);
  }
  return due.length;
}

/**
 * Nothing where the token's contract tells no balance: it must not keep other assets and addresses
 * from being looked at. Coins of it that had come are a surplus to the reconciliation once it does.
 */
async function balanceIfTold(
  { port, watch, log }: LookAgainDeps,
  { code, contract }: ChainAsset,
  address: string,
  hash: string,
): Promise<bigint> {
  try {
    // Of that very block: a node on another branch would tell of less, and nobody looks twice.
    return await port.balanceOf(address, contract, { hash });
  } catch (error) {
    if (!(error instanceof BalanceUnreadable)) throw error;
    const said = { chain: watch.chain, address, asset: code, why: error.message };
    log.warn(said, 'what had come of it before the address did is not known');
    return 0n;
  }
}

/** Where this watcher has the lease and the chain goes on. */
async function dueAddresses(
  db: Db,
  { chain, holder }: LookAgainDeps['watch'],
): Promise<{ address: string; cursor: number; hash: string }[]> {
  const { rows } = await db.query<{ address: string; cursor: number; hash: string }>({
    name: 'chain_new_addresses',
    text: `select n.address, c.cursor_height::float8 as cursor, c.cursor_hash as hash
      from chain_new_addresses n join chains c on c.id = n.chain
      where n.chain = $1 and c.leased_by = $2 and c.cursor_height is not null
        and not chain_is_halted(c.id)
      order by n.address limit $3`,
    values: [chain, holder, ADDRESSES_PER_TURN],
  });
  return rows;
}

/** What is known to have come to the address up to a block, by asset. */
async function knownAmounts(
  db: Db,
  chain: string,
  address: string,
  height: number,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await db.query<{ asset: string; amount: string }>(
    `select asset, amount_text(sum(amount)) as amount from chain_inclusions
     where chain = $1 and to_address = $2 and canonical and block_height <= $3 group by asset`,
    [chain, address, height],
  );
  return new Map(rows.map(({ asset, amount }) => [asset, amount]));
}

/** One rescan serves all addresses that are there when it begins. */
async function askRescan(db: Db, chain: string, cursor: number, address: string, codes: string) {
  await db.query(
    `select chain_ask_rescan($1, $2, null, 'watcher', $3, false)
     where not exists (select from chain_rescans r where r.chain = $1 and r.finished_at is null
       and r.requested_by = 'watcher' and r.next_height = r.from_height)`,
    [
      chain,
      Math.max(cursor - WINDOW_BLOCKS, 0),
      `${address} had ${codes} before it was handed out`,
    ],
  );
}

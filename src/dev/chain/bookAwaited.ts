/**
 * On a chain of one's own nothing is booked by itself, and what nobody booked is not paid out: a
 * first withdrawal would wait for coins that the hot wallet has. In development they are booked
 * then. Elsewhere an admin does it, who knows whose coins these are (docs/chain.md, The hot
 * wallet).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { amountOf, type ChainAsset, unitsOf } from '../../chains/assets.ts';
import type { ChainConnection } from '../../chains/connection.ts';
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { Amount } from '../../contracts/resources.ts';
import type { Db } from '../../db/pool.ts';
import { isDatabaseAway } from '../../db/sqlstate.ts';
import type { Log } from '../../observability/log.ts';
import { bookTreasury } from './bookTreasury.ts';

/** Between two looks, which find nothing but at the very beginning. */
const PAUSE_MS = 500;

export interface BookingDeps {
  db: Db;
  chain: ChainConnection;
  log: Log;
}

/** Looks for what is awaited until it is told to end. */
export async function keepBooking(deps: BookingDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await bookAwaited(deps);
    } catch (error) {
      // Whatever is away is asked again; the service tells of it.
      if (!(error instanceof ChainUnavailable) && !isDatabaseAway(error)) {
        deps.log.warn({ err: error }, "the hot wallet's coins cannot be booked");
      }
    }
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

/**
 * Books what the hot wallet has beyond the books, of assets that withdrawals wait for and whose
 * treasury nobody has touched yet, and calls these withdrawals.
 *
 * @throws ChainUnavailable while the node does not answer
 */
async function bookAwaited({ db, chain, log }: BookingDeps): Promise<void> {
  const port = await chain();
  let isBooked = false;
  for (const { code, scale, contract, address, booked } of await awaited(db, port.chain)) {
    const { height: block } = await port.head();
    const asset = { code, scale, contract };
    const units = (await port.balanceOf(address, contract, block)) - unitsOf(asset, booked);
    if (units <= 0n) continue;
    const amount = amountOf(asset, units);
    await bookTreasury(db, code, amount, { chain: port.chain, address, block });
    log.info({ asset: code, amount, address }, "booked the hot wallet's coins: a withdrawal waits");
    isBooked = true;
  }
  if (isBooked) {
    await db.query(
      `select chain_wake_saga(chain, group_id) from withdrawals
       where chain = $1 and state = 'awaiting_funds'`,
      [port.chain],
    );
  }
}

interface Awaited extends ChainAsset {
  /** The hot wallet. */
  address: string;
  /** What the books say that lies there. */
  booked: Amount;
}

/**
 * The native coin pays for the gas of tokens, so it is awaited with these. While coins are on their
 * way to the hot wallet nobody can tell which of them the books will have.
 */
async function awaited(db: Db, chain: string): Promise<Awaited[]> {
  const { rows } = await db.query<Awaited>({
    name: 'awaited_assets',
    text: `select a.code, a.scale, lower(a.contract) as contract, h.address,
        amount_text(chain_booked_at(a.chain, h.address, a.code)) as booked
      from assets a cross join (select chain_hot_wallet($1) as address) h
      where a.chain = $1 and h.address is not null
        and exists (select from withdrawals w where w.chain = a.chain
          and w.state = 'awaiting_funds' and (w.asset = a.code or a.contract is null))
        and not exists (select from ledger_entries e where e.wallet_id = 'treasury:' || a.code)
        and not exists (select from collections c
          join transfer_groups g on g.id = c.group_id and g.status = 'IN_PROGRESS'
          where c.chain = a.chain)`,
    values: [chain],
  });
  return rows;
}

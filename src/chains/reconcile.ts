/** The books against the chain: what our addresses hold, and what they must hold. */
import { setTimeout as sleep } from 'node:timers/promises';
import { addAmounts, negateAmount } from '../contracts/amounts.ts';
import {
  type ChainReconciliation,
  ChainUnavailable,
  type DriftPlace,
  RECONCILIATION_TERMS,
} from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import { amountOf, type ChainAsset, readChainAssets, unitsOf } from './assets.ts';
import type { ChainPort } from './port.ts';
import { type Balances, balancesAt } from './reconcileBalances.ts';
import { type AssetBooks, type ChainBooks, readChainBooks } from './reconcileBooks.ts';
import { causeOf } from './reconcileCauses.ts';

/** Moments at which a block may turn out to be gone: each time all is read anew. */
const TRIES = 3;
/** Twice as long as a watcher takes to look again, so that it has seen the block go. */
const PAUSE_MS = 500;
/** Places that one asset shows; whoever has more of them looks at the largest first. */
const MOST_PLACES = 100;

/**
 * Compares every asset of a chain at the highest block that is final and stored; at the cursor
 * where the node tells of no finality. Empty before the first block. Changes nothing.
 *
 * The block and the books are of one moment. Balances are read by that block's hash, so that they
 * are of this very block or of none; where it is gone meanwhile, all is read anew.
 *
 * @param onProgress told after each part of the addresses
 * @throws ChainUnavailable where the node does not answer, or no longer has that block's state
 */
export async function reconcileChain(
  db: Db,
  port: ChainPort,
  onProgress: () => void = () => {},
): Promise<ChainReconciliation[]> {
  for (let tries = 1; ; tries++) {
    const books = await readChainBooks(db, port.chain);
    if (books === null) return [];
    try {
      const lines = await compare(db, port, books, onProgress);
      if (await isCanonical(port, books)) return lines;
    } catch (error) {
      if (!(error instanceof ChainUnavailable) || (await isCanonical(port, books))) throw error;
    }
    if (tries === TRIES) {
      throw new ChainUnavailable(
        `The node has another block ${books.block.height} than the one that was followed. ` +
          'Ask again in a moment; where the chain stands still (GET /v1/chains), once it goes on.',
      );
    }
    await sleep(PAUSE_MS);
  }
}

async function isCanonical(port: ChainPort, { block }: ChainBooks): Promise<boolean> {
  return (await port.blockByHeight(block.height))?.hash === block.hash;
}

async function compare(
  db: Db,
  port: ChainPort,
  books: ChainBooks,
  onProgress: () => void,
): Promise<ChainReconciliation[]> {
  const { all } = await readChainAssets(db, port.chain);
  const assets = all.filter(({ code }) => books.assets.some(({ asset }) => asset === code));
  const balances = await balancesAt(port, books, assets, onProgress);
  const lines: ChainReconciliation[] = [];
  for (const asset of assets) {
    const own = books.assets.find((each) => each.asset === asset.code) as AssetBooks;
    const has = balances.get(asset.code) ?? new Map<string, bigint>();
    const places = typeof has === 'string' ? [] : placesOf(books, asset, own, has);
    const shown = await tellCauses(db, port, books, asset, places.slice(0, MOST_PLACES));
    lines.push(lineOf(port.chain, books, own, asset, { all: places, shown }, has));
  }
  return lines;
}

interface Place {
  address: string | null;
  kind: DriftPlace['kind'];
  units: bigint;
}

/**
 * Where an asset's coins are not as they must be, the largest difference first. Deposit addresses
 * are compared one by one; what the books say beyond them lies on the hot wallets, of which the
 * books know only the sum.
 */
function placesOf(
  { hot, deposit }: ChainBooks,
  asset: ChainAsset,
  { expected, known }: AssetBooks,
  balances: ReadonlyMap<string, bigint>,
): Place[] {
  const has = (address: string) => balances.get(address) ?? 0n;
  let rest = -unitsOf(asset, expected);
  for (const address of hot) rest += has(address);
  const places: Place[] = deposit.map((address) => {
    const must = unitsOf(asset, known[address] ?? '0');
    rest += must;
    return { address, kind: 'deposit', units: has(address) - must };
  });
  places.push({ address: hot.length === 1 ? (hot[0] ?? null) : null, kind: 'hot', units: rest });
  const size = ({ units }: Place) => (units < 0n ? -units : units);
  return places
    .filter(({ units }) => units !== 0n)
    .sort((one, other) => Number(size(one) < size(other)) - Number(size(one) > size(other)));
}

/** Only of those that are shown: each that misses coins takes a call of the node. */
async function tellCauses(
  db: Db,
  port: ChainPort,
  { block, hot }: ChainBooks,
  asset: ChainAsset,
  places: readonly Place[],
): Promise<DriftPlace[]> {
  const told: DriftPlace[] = [];
  for (const { address, kind, units } of places) {
    const senders = address === null ? hot : [address];
    const at = { kind, senders, isToken: asset.contract !== null, units, height: block.height };
    const cause = await causeOf(db, port, at);
    told.push({ address, kind, drift: amountOf(asset, units), cause });
  }
  return told;
}

function lineOf(
  chain: string,
  { block }: ChainBooks,
  own: AssetBooks,
  asset: ChainAsset,
  places: { all: readonly Place[]; shown: DriftPlace[] },
  balances: Balances,
): ChainReconciliation {
  const unreadable = typeof balances === 'string' ? balances : null;
  let sum = 0n;
  if (typeof balances !== 'string') for (const units of balances.values()) sum += units;
  const onChain = amountOf(asset, sum);
  const { expected, terms, shortfall, tolerance, pause } = own;
  const total = (isOf: (units: bigint) => boolean) =>
    places.all.reduce((sum, { units }) => (isOf(units) ? sum + units : sum), 0n);
  return {
    chain,
    asset: asset.code,
    block: block.height,
    blockHash: block.hash,
    onChain,
    expected,
    terms: Object.fromEntries(
      RECONCILIATION_TERMS.map((term) => [term, terms[term] ?? '0']),
    ) as ChainReconciliation['terms'],
    drift: unreadable === null ? addAmounts(onChain, negateAmount(expected)) : '0',
    missing: amountOf(asset, -total((units) => units < 0n)),
    surplus: amountOf(
      asset,
      total((units) => units > 0n),
    ),
    places: places.shown,
    placesLeftOut: places.all.length - places.shown.length,
    shortfall,
    tolerance,
    pause,
    unreadable,
  };
}

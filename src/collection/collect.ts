/**
 * Opens what is to be collected. Whoever plans at the same time is no harm: the ledger opens one
 * payment of an address at a time. Sagas then pay what is open, as they pay withdrawals.
 */
import { amountOf, type ChainAsset, readChainAssets, unitsOf } from '../chains/assets.ts';
import type { ChainConnection } from '../chains/connection.ts';
import { showAddress } from '../chains/evm/addresses.ts';
import { NodeRefused } from '../chains/evm/rpc.ts';
import { BalanceUnreadable, type ChainPort } from '../chains/port.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { lowestCap } from '../withdrawals/feeCap.ts';
import {
  type DueCollection,
  dueCollections,
  type OwnPayment,
  openCollection,
  readHotWallet,
} from './collectionTables.ts';
import { openSweeps } from './sweep.ts';
import { createHighWaterAlert } from './treasuryFigures.ts';

export interface CollectDeps {
  db: Db;
  chain: ChainConnection;
  log: Log;
  /** Most that any attempt may cost, in the native coin; null: as the asset's rule says. */
  feeCap: Amount | null;
}

/** Addresses a look: where there are so many, the next look follows at once. */
const PER_TURN = 20;
/**
 * A fee may double until its payment is signed, and be raised where no block takes it. So much is
 * set aside, within the cap.
 */
const FEE_ROOM = 2n;
/**
 * What could not be collected is left alone for so long, so that others of its asset get their
 * turn: with looks of ten seconds, a hundred such addresses hold up nobody. No longer, since a node
 * may have said no on a bad day.
 */
const PAUSE_AFTER_REFUSAL_MS = 60_000;

/**
 * Looks once. Answers the groups that were opened.
 *
 * @param leftAlone what was not collected, as `<address> <asset>`, and until when it is left alone
 */
export async function collectOnce(
  deps: CollectDeps,
  leftAlone: Map<string, number> = new Map(),
): Promise<string[]> {
  const { db, log } = deps;
  for (const [key, until] of leftAlone) if (until <= performance.now()) leftAlone.delete(key);
  const port = await deps.chain();
  const hotWallet = await readHotWallet(db, port.chain);
  if (hotWallet === null) return [];
  const assets = await readChainAssets(db, port.chain);
  const opened: string[] = [];
  const except = [...leftAlone.keys()];
  for (const due of await dueCollections(db, port.chain, hotWallet, PER_TURN, except)) {
    const asset = assets.all.find(({ code }) => code === due.asset);
    if (!asset || !assets.native) continue;
    const { native } = assets;
    const situation = { due, asset, native, hotWallet, ...deps };
    const planned = await plan(port, situation).catch(refusalOf);
    if ('why' in planned) {
      tellRefusal(log, due, planned, leftAlone);
      leftAlone.set(keyOf(due), performance.now() + PAUSE_AFTER_REFUSAL_MS);
      continue;
    }
    const groupId = await openCollection(db, {
      chain: port.chain,
      address: due.address,
      ...planned,
    });
    if (groupId === null) continue;
    log.info({ groupId, amount: planned.amount, asset: planned.asset }, 'opened a collection');
    opened.push(groupId);
  }
  return opened;
}

/** Answers a function that looks when that is due, and does nothing in between. */
export function createCollector(deps: CollectDeps, everyMs: number): () => Promise<void> {
  const tellHighWater = createHighWaterAlert(deps.db, deps.log);
  const leftAlone = new Map<string, number>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - lookedAt < everyMs) return;
    await tellHighWater();
    await openSweeps(deps.db, deps.log, (await deps.chain()).chain);
    const opened = await collectOnce(deps, leftAlone);
    if (opened.length < PER_TURN) lookedAt = performance.now();
  };
}

/** Why nothing is collected now. */
interface Refusal {
  why: string;
  /** The chain or the contract says no, and that is no matter of amounts or prices. */
  isOfChain: boolean;
}

const keyOf = ({ address, asset }: Pick<DueCollection, 'address' | 'asset'>) =>
  `${address} ${asset}`;

/** A node that answers no says it of one address or token; silence is no answer, and is thrown. */
function refusalOf(error: unknown): Refusal {
  if (!(error instanceof BalanceUnreadable || error instanceof NodeRefused)) throw error;
  return { why: error.message, isOfChain: true };
}

/** Once for all addresses of an asset that are left alone at the same time. */
function tellRefusal(
  log: Log,
  { address, asset }: DueCollection,
  { why, isOfChain }: Refusal,
  leftAlone: ReadonlyMap<string, number>,
): void {
  const isTold = [...leftAlone.keys()].some((key) => key.endsWith(` ${asset}`));
  if (!isOfChain || isTold) {
    log.debug({ address, asset, why }, 'not collected');
    return;
  }
  const said = { address, asset, why, alert: 'COLLECTION_REFUSED' };
  log.warn(said, 'the chain would not take a collection; other addresses go on');
}

interface Situation {
  due: DueCollection;
  asset: ChainAsset;
  native: ChainAsset;
  hotWallet: string;
  feeCap: Amount | null;
}

/** What is to be paid first for an address, or why nothing is. */
async function plan(
  port: ChainPort,
  { due, asset, native, hotWallet, feeCap }: Situation,
): Promise<Refusal | Planned> {
  const { address, height, gasHeight } = due;
  const [onChain, nativeOnChain] = await Promise.all([
    port.balanceOf(address, asset.contract, height),
    port.balanceOf(address, null, gasHeight),
  ]);
  // Neither what nobody booked nor what is no longer there.
  const units = least(onChain, unitsOf(asset, due.amount));
  const gas = least(nativeOnChain, unitsOf(native, due.native));
  const minimum = unitsOf(asset, due.minAmount);
  if (units < minimum) return refusal('the chain has less there than the books');
  const { contract } = asset;
  const asked = contract === null ? 0n : units;
  const quote = await port.feeQuote({
    sender: address,
    destination: hotWallet,
    contract,
    units: asked,
  });
  if ('fault' in quote) return { why: quote.fault, isOfChain: true };
  const cap = lowestCap(native, [due.maxFee, feeCap]) ?? quote.maxFeeUnits;
  if (quote.maxFeeUnits > cap) return refusal('the network asks for more than the rule allows');
  const room = least(cap, quote.maxFeeUnits * FEE_ROOM);
  const [from, to] = [showAddress(address), showAddress(hotWallet)];
  if (contract === null) {
    if (units < minimum + room) return refusal('less than the minimum is left beside the fee');
    return payment('collect', asset, units - room, native, room, from, to);
  }
  if (gas >= quote.maxFeeUnits) {
    return payment('collect', asset, units, native, least(cap, gas), from, to);
  }
  return payment('top_up', native, room - gas, native, cap, to, from);
}

type Planned = Omit<OwnPayment, 'chain' | 'address'>;

const refusal = (why: string): Refusal => ({ why, isOfChain: false });

function payment(
  purpose: 'collect' | 'top_up',
  asset: ChainAsset,
  units: bigint,
  native: ChainAsset,
  feeUnits: bigint,
  from: string,
  to: string,
): Planned {
  const [amount, maxFee] = [amountOf(asset, units), amountOf(native, feeUnits)];
  return { purpose, asset: asset.code, amount, maxFee, from, to };
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

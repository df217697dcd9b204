/**
 * Opens what is to be collected. Whoever plans at the same time is no harm: the ledger opens one
 * payment of an address at a time. Sagas then pay what is open, as they pay withdrawals.
 */
import { amountOf, type ChainAsset, readChainAssets, unitsOf } from '../chains/assets.ts';
import type { ChainConnection } from '../chains/connection.ts';
import { showAddress } from '../chains/evm/addresses.ts';
import type { ChainPort } from '../chains/port.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { lowestCap } from '../withdrawals/feeCap.ts';
import {
  type DueCollection,
  dueCollections,
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

/** Looks once. Answers the groups that were opened. */
export async function collectOnce(deps: CollectDeps): Promise<string[]> {
  const { db, log } = deps;
  const port = await deps.chain();
  const hotWallet = await readHotWallet(db, port.chain);
  if (hotWallet === null) return [];
  const assets = await readChainAssets(db, port.chain);
  const opened: string[] = [];
  for (const due of await dueCollections(db, port.chain, hotWallet, PER_TURN)) {
    const asset = assets.all.find(({ code }) => code === due.asset);
    if (!asset || !assets.native) continue;
    const { native } = assets;
    const planned = await plan(port, { due, asset, native, hotWallet, ...deps });
    if ('why' in planned) {
      log.debug({ address: due.address, asset: due.asset, why: planned.why }, 'not collected');
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
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - lookedAt < everyMs) return;
    await tellHighWater();
    await openSweeps(deps.db, deps.log, (await deps.chain()).chain);
    const opened = await collectOnce(deps);
    if (opened.length < PER_TURN) lookedAt = performance.now();
  };
}

interface Situation {
  due: DueCollection;
  asset: ChainAsset;
  native: ChainAsset;
  hotWallet: string;
  feeCap: Amount | null;
}

/** What is to be paid first for an address, or why nothing is. */
async function plan(port: ChainPort, { due, asset, native, hotWallet, feeCap }: Situation) {
  const { address, height } = due;
  const [onChain, nativeOnChain] = await Promise.all([
    port.balanceOf(address, asset.contract, height),
    port.balanceOf(address, null, height),
  ]);
  // Neither what nobody booked nor what is no longer there.
  const units = least(onChain, unitsOf(asset, due.amount));
  const gas = least(nativeOnChain, unitsOf(native, due.native));
  const minimum = unitsOf(asset, due.minAmount);
  if (units < minimum) return { why: 'the chain has less there than the books' };
  const { contract } = asset;
  const asked = contract === null ? 0n : units;
  const quote = await port.feeQuote({
    sender: address,
    destination: hotWallet,
    contract,
    units: asked,
  });
  if ('fault' in quote) return { why: quote.fault };
  const cap = lowestCap(native, [due.maxFee, feeCap]) ?? quote.maxFeeUnits;
  if (quote.maxFeeUnits > cap) return { why: 'the network asks for more than the rule allows' };
  const room = least(cap, quote.maxFeeUnits * FEE_ROOM);
  const [from, to] = [showAddress(address), showAddress(hotWallet)];
  if (contract === null) {
    if (units < minimum + room) return { why: 'less than the minimum is left beside the fee' };
    return payment('collect', asset, units - room, native, room, from, to);
  }
  if (gas >= quote.maxFeeUnits) {
    return payment('collect', asset, units, native, least(cap, gas), from, to);
  }
  return payment('top_up', native, room - gas, native, cap, to, from);
}

function payment(
  purpose: 'collect' | 'top_up',
  asset: ChainAsset,
  units: bigint,
  native: ChainAsset,
  feeUnits: bigint,
  from: string,
  to: string,
) {
  const [amount, maxFee] = [amountOf(asset, units), amountOf(native, feeUnits)];
  return { purpose, asset: asset.code, amount, maxFee, from, to };
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

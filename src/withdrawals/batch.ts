/**
 * Opens batches: withdrawals of one asset that are ready at about the same time are paid by one
 * transaction. Whoever looks at the same time is no harm: the ledger puts a withdrawal into one
 * batch, once. Who cannot be paid with the others goes alone, by its own saga.
 */
import { type ChainAsset, type ChainAssets, readChainAssets, unitsOf } from '../chains/assets.ts';
import type { ChainConnection } from '../chains/connection.ts';
import { showAddress } from '../chains/evm/addresses.ts';
import type { ChainPort, Payment } from '../chains/port.ts';
import type { BatchSettings } from '../contracts/batches.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import {
  type BatchMember,
  type DueBatch,
  dueBatches,
  openBatch,
  readSender,
} from './batchTables.ts';
import { lowestCap } from './feeCap.ts';
import { offerOf } from './offer.ts';

export interface BatchDeps {
  db: Db;
  chain: ChainConnection;
  log: Log;
  batches: BatchSettings;
  /** Most that one transaction may cost, in the native coin, as of a withdrawal alone. */
  feeCap: Amount | null;
  /** Most payments of the hot wallet that may be under way and in no block. */
  inFlight: number;
}

/** Between two looks, in milliseconds: well below what withdrawals wait for each other. */
const LOOK_EVERY_MS = 1_000;
/** An asset that could not be paid together is left alone for so long: its withdrawals go alone. */
const PAUSE_AFTER_FAULT_MS = 5_000;

/** Looks once. Answers the batches that were opened. */
export async function openBatches(
  deps: BatchDeps,
  leftAlone: Map<string, number> = new Map(),
): Promise<string[]> {
  const { db, log, batches } = deps;
  const port = await deps.chain();
  const [sender, all] = await Promise.all([
    readSender(db, port.chain),
    dueBatches(db, port.chain, batches.waitSeconds, batches.size),
  ]);
  const due = all.filter(({ asset }) => (leftAlone.get(asset) ?? 0) <= performance.now());
  if (sender === null || due.length === 0) return [];
  const leaveAlone = (asset: string) =>
    leftAlone.set(asset, performance.now() + PAUSE_AFTER_FAULT_MS);
  const fault = await port.payoutFault(batches.contract.toLowerCase());
  if (fault !== null) {
    log.error({ alert: 'PAYOUT_CONTRACT', why: fault }, 'withdrawals are paid one by one');
    for (const { asset } of due) leaveAlone(asset);
    return [];
  }
  const assets = await readChainAssets(db, port.chain);
  const opened: string[] = [];
  for (const batch of due) {
    const some = await openParts(deps, port, { assets, sender }, batch);
    if (some.length === 0) leaveAlone(batch.asset);
    opened.push(...some);
  }
  return opened;
}

/** Answers a function that looks when that is due, and does nothing in between. */
export function createBatcher(deps: BatchDeps): () => Promise<void> {
  const leftAlone = new Map<string, number>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (performance.now() - lookedAt < LOOK_EVERY_MS) return;
    lookedAt = performance.now();
    await openBatches(deps, leftAlone);
  };
}

/**
 * One batch, or where the chain would not take it, or it would cost too much, each half of it: so
 * a payee who refuses keeps few others from being paid together.
 */
async function openParts(
  deps: BatchDeps,
  port: ChainPort,
  from: { assets: ChainAssets; sender: string },
  due: DueBatch,
): Promise<string[]> {
  const { db, log, batches, feeCap, inFlight } = deps;
  const { assets, sender } = from;
  const { asset: code, members } = due;
  const asset = assets.all.find((each) => each.code === code);
  const { native } = assets;
  if (!asset || !native || members.length < 2) return [];
  const destination = batches.contract.toLowerCase();
  const payment = batchPayment(sender, destination, asset, members);
  const cap = lowestCap(native, [feeCap]);
  const offer = await offerOf(port, payment, { asset, native, cap });
  const { price } = offer;
  if ('fault' in price) {
    log.warn({ asset: code, count: members.length, why: price.fault }, 'not paid together');
    const half = Math.ceil(members.length / 2);
    const first = await openParts(deps, port, from, {
      asset: code,
      members: members.slice(0, half),
    });
    const rest = await openParts(deps, port, from, { asset: code, members: members.slice(half) });
    return [...first, ...rest];
  }
  const shown = showAddress(destination);
  const opened = await openBatch(db, { ...due, chain: port.chain, shown, offer, price, inFlight });
  if (opened.result === 'waiting') {
    log.info({ asset: code, count: members.length, why: opened.why }, 'no batch is opened now');
    return [];
  }
  const { groupId } = opened;
  log.info({ groupId, asset: code, count: members.length }, 'opened a batch');
  return [groupId];
}

/** What a batch pays, through the contract at `destination`. */
export function batchPayment(
  sender: string,
  destination: string,
  asset: ChainAsset,
  members: readonly Pick<BatchMember, 'destination' | 'amount'>[],
): Payment {
  const parts = members.map((member) => ({
    destination: member.destination,
    units: unitsOf(asset, member.amount),
  }));
  const units = parts.reduce((sum, part) => sum + part.units, 0n);
  return { sender, destination, contract: asset.contract, units, parts };
}

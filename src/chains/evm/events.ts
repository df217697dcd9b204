/** What happened in a block that concerns us: coins that came in, and our own transactions. */
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { BlockEvents, BlockRef, Outcome, Transfer, Watch } from '../port.ts';
import { isEmpty, mayContain } from './bloom.ts';
import { readTransferLog, TRANSFER_TOPIC } from './erc20.ts';
import { PAID_TOPIC, readPayouts } from './payouts.ts';
import { bigintOf } from './quantity.ts';
import {
  checkLogs,
  feeOf,
  hasSucceeded,
  type RawBlock,
  type RawLog,
  type RawReceipt,
  type RawTransaction,
  receiptsOf,
} from './receipts.ts';
import type { Rpc } from './rpc.ts';
import { type BlockTraces, checkTrace, ranCode, type TraceMode, traceBlock } from './traces.ts';

/** Ordinal of a transaction's own value. Payments of inner calls are `native.<trace path>`. */
const NATIVE_ORDINAL = 'native';

/**
 * Everything in this very block that concerns us. The header's bloom says whether a registered
 * token can have moved at all; where nothing can have happened, one call is enough for a block.
 */
export async function eventsOf(
  rpc: Rpc,
  mode: TraceMode,
  ref: BlockRef,
  watch: Watch,
): Promise<BlockEvents> {
  const block = await rpc<RawBlock | null>('eth_getBlockByHash', ref.hash, true);
  if (block === null) throw new ChainUnavailable(`The node no longer has block ${ref.hash}.`);
  const contracts = contractsIn(block, watch.contracts);
  const traces = await traceBlock(rpc, watch.native ? mode : 'none', block);
  const sent = await watch.sent(block.transactions.map((tx) => tx.hash.toLowerCase()));
  const payees = await watch.ours(payeesOf(block, traces));
  if (contracts.length === 0 && sent.size === 0 && payees.size === 0) {
    return { transfers: [], outcomes: [] };
  }
  const receipts = await receiptsOf(rpc, block);
  if (contracts.length > 0) {
    await checkAgainstLogs(rpc, ref, contracts, TRANSFER_TOPIC, receipts);
  }
  const called = payersIn(block, sent);
  if (called.length > 0) await checkAgainstLogs(rpc, ref, called, PAID_TOPIC, receipts);
  for (const [txid, receipt] of receipts) checkTrace(block, traces, txid, receipt);
  const moved = block.transactions.flatMap((tx) =>
    transfersOf(tx, receipts, traces, watch.contracts),
  );
  const ours = await watch.ours([...new Set(moved.map((transfer) => transfer.to))]);
  return {
    transfers: moved.filter((transfer) => comesIn(transfer) && ours.has(transfer.to)),
    outcomes: block.transactions
      .filter((tx) => sent.has(tx.hash.toLowerCase()))
      .map((tx) => outcomeOf(tx, receipts, moved)),
  };
}

/** What an address pays to itself changes nothing. */
function comesIn({ units, from, to }: Transfer): boolean {
  return units > 0n && from !== to;
}

/** Everybody who may have got native coins in the block. */
function payeesOf(block: RawBlock, traces: BlockTraces): string[] {
  const paid = block.transactions.filter((tx) => tx.to && BigInt(tx.value) > 0n);
  const inner = [...traces.values()].flatMap(({ payments }) => payments.map(({ to }) => to));
  return [...new Set([...paid.map((tx) => (tx.to ?? '').toLowerCase()), ...inner])];
}

/**
 * Registered tokens that may have moved. Some chains give their blocks a bloom of zeros, whatever
 * was logged: where code ran, that says nothing.
 */
function contractsIn(block: RawBlock, contracts: readonly string[]): readonly string[] {
  if (isEmpty(block.logsBloom) && ranCode(block)) return contracts;
  if (!mayContain(block.logsBloom, TRANSFER_TOPIC)) return [];
  return contracts.filter((contract) => mayContain(block.logsBloom, contract));
}

/** Contracts that our transactions called and that may have told of payments in parts. */
function payersIn(block: RawBlock, sent: ReadonlySet<string>): string[] {
  if (sent.size === 0 || !mayContain(block.logsBloom, PAID_TOPIC)) return [];
  const ours = block.transactions.filter((tx) => sent.has(tx.hash.toLowerCase()));
  const called = new Set(ours.map((tx) => (tx.to ?? '').toLowerCase()));
  return [...called].filter((to) => to !== '' && mayContain(block.logsBloom, to));
}

async function checkAgainstLogs(
  rpc: Rpc,
  ref: BlockRef,
  contracts: readonly string[],
  topic: string,
  receipts: ReadonlyMap<string, RawReceipt>,
): Promise<void> {
  const filter = { blockHash: ref.hash, address: contracts, topics: [topic] };
  const logs = await rpc<RawLog[]>('eth_getLogs', filter);
  const isAsked = (log: RawLog) =>
    log.topics[0] === topic && contracts.includes(log.address.toLowerCase());
  const inReceipts = [...receipts.values()].flatMap((receipt) => receipt.logs).filter(isAsked);
  checkLogs(ref, logs, inReceipts);
}

/** What one transaction moved; nothing where it was reverted. */
function transfersOf(
  tx: RawTransaction,
  receipts: ReadonlyMap<string, RawReceipt>,
  traces: BlockTraces,
  contracts: readonly string[],
): Transfer[] {
  const txid = tx.hash.toLowerCase();
  const receipt = receiptOf(receipts, txid);
  if (!hasSucceeded(receipt)) return [];
  const transfers: Transfer[] = [];
  const units = bigintOf(tx.value, 'transaction value');
  if (tx.to && units > 0n) {
    const [from, to] = [tx.from.toLowerCase(), tx.to.toLowerCase()];
    transfers.push({ txid, ordinal: NATIVE_ORDINAL, contract: null, from, to, units });
  }
  for (const { path, ...payment } of traces.get(txid)?.payments ?? []) {
    transfers.push({
      txid,
      ordinal: [NATIVE_ORDINAL, ...path].join('.'),
      contract: null,
      ...payment,
    });
  }
  // The place within the receipt: `logIndex` counts through the block and changes with it.
  for (const [ordinal, log] of receipt.logs.entries()) {
    const found = readTransferLog(log);
    if (found && contracts.includes(found.contract)) {
      transfers.push({ txid, ordinal: String(ordinal), ...found });
    }
  }
  return transfers;
}

function outcomeOf(
  tx: RawTransaction,
  receipts: ReadonlyMap<string, RawReceipt>,
  moved: readonly Transfer[],
): Outcome {
  const txid = tx.hash.toLowerCase();
  const receipt = receiptOf(receipts, txid);
  return {
    txid,
    succeeded: hasSucceeded(receipt),
    feeUnits: feeOf(receipt),
    transfers: moved.filter((transfer) => transfer.txid === txid),
    payouts: readPayouts(tx.to, hasSucceeded(receipt) ? receipt.logs : []),
  };
}

function receiptOf(receipts: ReadonlyMap<string, RawReceipt>, txid: string): RawReceipt {
  const receipt = receipts.get(txid);
  if (!receipt) throw new ChainUnavailable(`The node has no receipt of ${txid}.`);
  return receipt;
}

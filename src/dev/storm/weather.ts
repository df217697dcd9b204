/** What the chain itself does: blocks, reorganisations, a head that goes down. */
import { NodeRefused, type Rpc } from '../../chains/evm/rpc.ts';
import type { Dice } from './dice.ts';
import { type Gate, NodeHangs } from './gate.ts';

/** Slots in an epoch of the storm's chain. */
export const EPOCH_SLOTS = 4;
/** Blocks above the last final one: no reorganisation is deeper, since a real chain has none. */
export const WINDOW = 2 * EPOCH_SLOTS;

export interface Weather {
  mine(blocks?: number): Promise<number>;
  height(): Promise<number>;
  /** Another node has a chain of this height: what it then calls final stays as it is, too. */
  sawHeight(height: number): void;
  /** How many of the last blocks may become others; 0: none may. */
  room(): Promise<number>;
  /** Replaces the last blocks by as many others. Answers with the transactions that were lost. */
  reorg(depth: number, keepPercent: number): Promise<string[]>;
  /**
   * Replaces the last blocks by others with the same transactions, but for one: other bytes take
   * its place and its nonce. What its sender did after it goes on after them.
   */
  reorgWith(depth: number, txid: string, bytes: string): Promise<void>;
  /** Transactions of the last blocks, the lowest first, with how deep each is; 1: the head. */
  lastMined(depth: number): Promise<{ txid: string; depth: number }[]>;
  /** Drops the last blocks: the head goes down. Answers with the transactions that were lost. */
  rollback(depth: number): Promise<string[]>;
}

interface Mined {
  txid: string;
  from: string;
  /** 1: it is in the head. */
  depth: number;
}

/**
 * @param rpc the node itself, with no faults in between
 * @param beforeChange hears the last block that stays as it is, and the highest that anybody will
 *   have seen
 */
export async function createWeather(
  rpc: Rpc,
  dice: Dice,
  gate: Gate,
  beforeChange: (keeps: number, highest: number) => void,
): Promise<Weather> {
  const height = async () => Number(await rpc('eth_blockNumber'));
  /** Whoever looked may have seen it, and holds what was final then to be final for ever. */
  let highest = await height();
  const lastBlocks = async (depth: number): Promise<Mined[]> => {
    const head = await height();
    const mined: Mined[] = [];
    for (let at = head - depth + 1; at <= head; at++) {
      const block = await rpc<{ transactions: { hash: string; from: string }[] }>(
        'eth_getBlockByNumber',
        `0x${at.toString(16)}`,
        true,
      );
      const found = block.transactions.map(({ hash, from }) => ({ txid: hash, from }));
      mined.push(...found.map((each) => ({ ...each, depth: head - at + 1 })));
    }
    return mined;
  };
  const rawOf = (txid: string) => rpc<string>('eth_getRawTransactionByHash', txid);
  return {
    height,
    sawHeight(seen) {
      highest = Math.max(highest, seen);
    },
    async mine(blocks = 1) {
      const from = await height();
      beforeChange(from, Math.max(highest, from + blocks));
      const mining = gate.alone(() => rpc('anvil_mine', `0x${blocks.toString(16)}`));
      await mining.catch((error: Error) => {
        // A node that takes its time has mined all the same, or is asked again.
        if (error instanceof NodeRefused || error instanceof NodeHangs) throw error;
      });
      const head = await height();
      if (head === from) throw new Error(`The node does not mine: it stands at block ${head}.`);
      highest = Math.max(highest, head);
      return head;
    },
    room: async () => Math.max(0, (await height()) - (highest - WINDOW)),
    async reorg(depth, keepPercent) {
      const mined = await lastBlocks(depth);
      const kept = keep(mined, depth, keepPercent, dice);
      const raws = await Promise.all(kept.map(async ({ txid, at }) => [await rawOf(txid), at]));
      beforeChange((await height()) - depth, highest);
      await gate.alone(() => rpc('anvil_reorg', depth, raws));
      const stays = new Set(kept.map(({ txid }) => txid));
      return mined.map(({ txid }) => txid).filter((txid) => !stays.has(txid));
    },
    lastMined: lastBlocks,
    async reorgWith(depth, txid, bytes) {
      const mined = await lastBlocks(depth);
      const raws = await Promise.all(
        mined.map(async (each) => {
          const raw = each.txid === txid ? bytes : await rawOf(each.txid);
          return [raw, depth - each.depth];
        }),
      );
      beforeChange((await height()) - depth, highest);
      await gate.alone(() => rpc('anvil_reorg', depth, raws));
    },
    async rollback(depth) {
      const mined = await lastBlocks(depth);
      beforeChange((await height()) - depth, highest);
      await gate.alone(() => rpc('anvil_rollback', depth));
      return mined.map(({ txid }) => txid);
    },
  };
}

/**
 * Which transactions the new branch has, and in which of its blocks. Of each sender it has the
 * first ones, in their order: a nonce needs those before it.
 */
function keep(mined: Mined[], depth: number, percent: number, dice: Dice) {
  const ended = new Set<string>();
  const places = new Map<string, number>();
  const kept: { txid: string; at: number }[] = [];
  for (const { txid, from } of mined) {
    if (ended.has(from)) continue;
    if (!dice.isLucky(percent)) {
      ended.add(from);
      continue;
    }
    const least = places.get(from) ?? 0;
    const at = least + dice.roll(depth - least);
    places.set(from, at);
    kept.push({ txid, at });
  }
  return kept;
}

/** Groups that ended by a block that is dropped, in a test's hands. */
import { expect } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { createResender } from '../../src/watchers/sendAgain.ts';
import { type BatchWorld, createBatchWorld } from './batchWorld.ts';
import { HOT, log, XPUB } from './chainWorld.ts';
import type { PayWorld } from './payWorld.ts';

/** Code that refuses whatever it is sent. */
export const REFUSES = '0x60006000fd';
/** What is waited for once the transfer of nothing was sent. */
export const OUT = /^a transfer of nothing is out on nonce \d+$/;

export type OpenNonceWorld = BatchWorld & OpenNonceActs;

export interface OpenNonceActs {
  /** What was signed for a group, oldest first. */
  attempts(id: string, kind: 'payment' | 'cancel'): Promise<{ bytes: string; txid: string }[]>;
  /** How many nonces the watcher wants spent. */
  openNonces(): Promise<number>;
  /** The hot wallet's, as the node has it. */
  nextNonce(): Promise<number>;
  setCode(address: string | undefined, code: string): Promise<unknown>;
  /** What had paid and lost its block goes out again. */
  resend(): Promise<void>;
  /** Replaces the last blocks by empty ones, and lets the chain go on as an operator does. */
  dropBlocks(count: number): Promise<void>;
}

/** Of every asset a block is final at once, by its own word; the node says otherwise. */
export async function createOpenNonceWorld(): Promise<OpenNonceWorld> {
  const world = await createBatchWorld();
  return { ...world, ...(await openNonceActs(world)) };
}

/** The same in another world. */
export async function openNonceActs(world: PayWorld): Promise<OpenNonceActs> {
  const { db, port } = world;
  await world.database.owner.query("update assets set final = '1'");
  const deps = { db, port, watch: { chain: port.chain, holder: 'test' }, log };
  const door = createChainDoor({ db, chain: world.chain, xpub: XPUB });
  const openNonces = () =>
    world.value<number>(
      'select count(*)::integer from chain_nonces_to_spend($1, $2)',
      port.chain,
      'test',
    );
  return {
    openNonces,
    attempts: (id, kind) =>
      world.value(
        `select coalesce(json_agg(json_build_object('bytes', bytes, 'txid', txid)
           order by attempt_no), '[]')
         from withdrawal_attempts where group_id = $1 and kind = $2`,
        id,
        kind,
      ),
    nextNonce: () => port.nextSequence(HOT),
    setCode: (address, code) => world.node.rpc('anvil_setCode', address, code),
    resend: () => createResender(deps)(),
    async dropBlocks(count) {
      await world.node.reorg(count);
      expect(await world.follow()).toMatchObject({ turn: 'halted' });
      // Nothing is signed before somebody has looked.
      expect(await openNonces()).toBe(0);
      const from = await world.value<number>('select cursor_height::integer from chains');
      const asked = { requestedBy: 'ann', reason: 'looked at it', liftHalts: true };
      const at = { from, to: null };
      expect(await door.rescan({ chain: port.chain, at, ...asked })).toHaveProperty('id');
      const lookAgain = createRescanner(deps);
      while (await lookAgain());
      await world.follow();
    },
  };
}

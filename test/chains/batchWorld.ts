/** Withdrawals that are paid together, in a test's hands. */
import { expect } from 'vitest';
import type { BatchSettings } from '../../src/contracts/batches.ts';
import type { Group } from '../../src/contracts/resources.ts';
import { payoutAddress } from '../../src/dev/chain/payout.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { type BatchDeps, openBatches } from '../../src/withdrawals/batch.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { log } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

export const PAYOUT = payoutAddress(MNEMONIC);

/** Its withdrawals meet at once, as soon as somebody looks. */
const BATCHES: BatchSettings = { contract: PAYOUT, waitSeconds: 60, size: 50 };

/** An address that nobody else has. */
export const payee = (number: number) =>
  `0x00000000000000000000000000000000${(0x51ab_0000 + number).toString(16)}`;

interface Asked {
  asset?: string;
  amount: string;
  destination: string;
  expiresIn?: number;
  customerFee?: string;
}

export interface BatchWorld extends PayWorld {
  /** As a worker pays that has batches. */
  together: PayDeps;
  batching: BatchDeps;
  /** Held withdrawals of which each has looked whether it can be signed, and waits. */
  waiting(asked: Asked[]): Promise<string[]>;
  /** Opens what is due now, however long it has waited. Answers the batches. */
  open(): Promise<string[]>;
  group(id: string): Promise<Group>;
  states(ids: readonly string[]): Promise<(string | undefined)[]>;
  events(id: string): Promise<string[]>;
  units(address: string, contract: string | null): Promise<bigint>;
  /** The books are whole, and every coin on our addresses is in them. */
  expectWhole(): Promise<void>;
}

export async function createBatchWorld(): Promise<BatchWorld> {
  const world = await createPayWorld({ payout: true });
  const { db, chain, deps } = world;
  await deps.signer();
  const together: PayDeps = { ...deps, batches: BATCHES };
  const batching: BatchDeps = {
    db,
    chain,
    log,
    batches: { ...BATCHES, waitSeconds: 0 },
    feeCap: null,
    inFlight: 100,
  };
  const group = async (id: string) => {
    const found = await readGroup(db, id);
    if (!found) throw new Error(`no group ${id}`);
    return found;
  };
  return {
    ...world,
    together,
    batching,
    group,
    async waiting(asked) {
      const ids: string[] = [];
      for (const { asset = 'ETH', amount, ...more } of asked) {
        await world.node.markUsed(more.destination);
        const { id } = await world.withdraw(asset, amount, more);
        const looked = await signWithdrawal(together, id);
        expect(looked.group.withdrawal?.state).toBe('held');
        ids.push(id);
      }
      return ids;
    },
    open: () => openBatches(batching),
    states: async (ids) =>
      (await Promise.all(ids.map(group))).map(({ withdrawal }) => withdrawal?.state),
    events: async (id) => (await readTimeline(db, id)).map(({ event }) => event),
    units: async (address, contract) =>
      world.port.balanceOf(address.toLowerCase(), contract, await world.node.height()),
    async expectWhole() {
      expect(await audit(db)).toMatchObject({ ok: true, faults: [] });
      await world.expectReconciled();
    },
  };
}

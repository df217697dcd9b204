/** Payout runs on real sagas, for tests. */
import { expect } from 'vitest';
import type { OpenPayoutRunInput, PayoutRun } from '../../src/contracts/payouts.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { allLines, runInput } from '../ledger/payoutInputs.ts';
import {
  type AtEnd,
  balanceOf,
  createWorld,
  eventually,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

const RECEIVERS = 3;

export interface PayoutSagas {
  world: World;
  handleOf(id: string): ReturnType<World['sagas']['client']['workflow']['getHandle']>;
  /** A list of so many lines of 1, and a payer with money for all of it. */
  listOf(key: string, count: number): Promise<{ payer: string; input: OpenPayoutRunInput }>;
  /** The same, opened and begun. */
  started(
    key: string,
    count: number,
  ): Promise<{ id: string; payer: string; input: OpenPayoutRunInput }>;
  stateOf(id: string): Promise<PayoutRun>;
  /** The run once it is not running any more. */
  ended(id: string): Promise<PayoutRun>;
  /** Every line is paid, once, the payer has nothing left, and the books are in order. */
  expectAllPaid(id: string, payer: string, count: number): Promise<void>;
}

/** Starts once per test file and ends with it; or with a test, given `onTestFinished`. */
export async function createPayoutSagas(atEnd?: AtEnd): Promise<PayoutSagas> {
  const world = await createWorld({}, atEnd);
  const receivers: string[] = [];
  while (receivers.length < RECEIVERS) receivers.push(await wallet(world, '0'));
  const stateOf = (id: string) => readPayoutRun(world.db, id) as Promise<PayoutRun>;
  async function listOf(key: string, count: number) {
    const payer = await wallet(world, String(count));
    const lines = Array.from({ length: count }, (_, index) => ({
      wallet: receivers[index % RECEIVERS] ?? '',
      amount: '1',
    }));
    return { payer, input: runInput(key, payer, lines) };
  }
  return {
    world,
    handleOf: (id) => world.sagas.client.workflow.getHandle(id),
    listOf,
    async started(key, count) {
      const { payer, input } = await listOf(key, count);
      const outcome = await world.sagas.gateway.openPayoutRun(input, WAIT_MS);
      expect(outcome).toMatchObject({ outcome: 'done', replayed: false, begun: true });
      return { payer, input, id: input.runId };
    },
    stateOf,
    ended: (id) =>
      eventually(
        () => stateOf(id),
        ({ status }) => status !== 'RUNNING',
      ),
    async expectAllPaid(id, payer, count) {
      expect(await stateOf(id)).toMatchObject({
        status: 'DONE',
        paid: String(count),
        lines: { total: count, settled: count, refused: 0, waiting: 0, cancelled: 0 },
      });
      expect((await balanceOf(world, payer)).settled).toBe('0');
      const lines = await allLines(world.db, id);
      expect(new Set(lines.map(({ groupId }) => groupId)).size).toBe(count);
      expect((await audit(world.database.pool)).faults).toEqual([]);
    },
  };
}

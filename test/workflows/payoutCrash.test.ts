/**
 * A worker that dies while it pays the lines of a run. Each test waits ten seconds until Temporal
 * knows, so each has a world of its own and they wait together.
 */
import { describe, it } from 'vitest';
import { startSagas } from '../../src/temporal/sagas.ts';
import { rowsOf } from '../ledger/ledgerWorld.ts';
import { doneRun, runInput } from '../ledger/payoutInputs.ts';
import { createPayoutSagas } from './payoutWorld.ts';
import { balanceOf, childWorker, eventually, WAIT_MS, wallet } from './world.ts';

/** Temporal hands an activity on when its worker has been silent for its heartbeat's time. */
const HAND_OVER_MS = 120_000;

describe.concurrent('the saga of a payout run', () => {
  it('goes on at another worker where one was killed in the middle', {
    timeout: HAND_OVER_MS,
  }, async ({ expect, onTestFinished }) => {
    const payouts = await createPayoutSagas(onTestFinished);
    const { world } = payouts;
    const { payer, input } = await payouts.listOf('killed', 1_000);
    await world.sagas.stop();
    const { died } = await childWorker(world, 'ledger_take_steps');
    const door = await startSagas({ ...world.options, work: false });
    doneRun(await door.gateway.openPayoutRun(input, WAIT_MS));
    expect(await died).toEqual([null, 'SIGKILL']);
    await door.stop();
    const left = Number((await balanceOf(world, payer)).settled);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(1_000);
    expect((await payouts.stateOf(input.runId)).lines.settled).toBe(0);
    await world.restart();
    await payouts.handleOf(input.runId).result();
    await payouts.expectAllPaid(input.runId, payer, 1_000);
  });

  // After the lines were handed out, after a withdrawal was held, and where its saga is to begin.
  it.for(['ledger_advance_payout_run', 'ledger_open_withdrawal', 'read_open_group'])(
    'holds each withdrawal once and begins it, where a worker was killed after %s',
    { timeout: HAND_OVER_MS },
    async (after, { expect, onTestFinished }) => {
      const payouts = await createPayoutSagas(onTestFinished);
      const { world } = payouts;
      const payer = await wallet(world, '30');
      const lines = Array.from({ length: 30 }, (_, n) => ({
        destination: `iban:${n}`,
        amount: '1',
      }));
      const input = runInput(`killed after ${after}`, payer, lines);
      await world.sagas.stop();
      const { died } = await childWorker(world, after);
      const door = await startSagas({ ...world.options, work: false });
      doneRun(await door.gateway.openPayoutRun(input, WAIT_MS));
      expect(await died).toEqual([null, 'SIGKILL']);
      await door.stop();
      const { held } = await balanceOf(world, payer);
      if (after !== 'ledger_advance_payout_run') expect(Number(held)).toBeGreaterThan(0);
      expect(Number(held)).toBeLessThan(30);
      await world.restart();
      await eventually(
        () => payouts.stateOf(input.runId),
        (run) => run.lines.held === 30,
      );
      expect(await balanceOf(world, payer)).toMatchObject({ available: '0', held: '30' });
      for (let line = 1; line <= 30; line += 1) {
        const id = `${input.runId.replace(/^payoutRun/, 'payout')}:${line}`;
        expect(await rowsOf(world.database.pool, id)).toEqual(['HOLD -1', 'HOLD 1']);
        await eventually(
          () =>
            payouts
              .handleOf(id)
              .describe()
              .then(
                ({ status }) => status.name,
                () => 'none',
              ),
          (status) => status === 'RUNNING',
        );
      }
      await payouts.handleOf(input.runId).terminate('test');
    },
  );
});

/** What a lot of a payout run reads, in a session that made its plans while there was little. */
import { beforeAll, expect, it } from 'vitest';
import type { Db } from '../../src/db/pool.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { advancePayoutRun } from '../../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { withPlanWatch } from '../support/planWatch.ts';
import { codeOf, credit, debit, transferInput, walletWith } from './ledgerWorld.ts';
import { createPayoutWorld, NO_SAGAS, type PayoutWorld } from './payoutWorld.ts';

const LOT = 50;

let world: PayoutWorld;
beforeAll(async () => {
  world = await createPayoutWorld();
});

/** Hands lines out and pays them, and nobody writes it down. */
async function payWithoutWord(session: Db, wallet: string, runId: string): Promise<void> {
  const advance = await advancePayoutRun(session, runId, LOT);
  for (const line of advance?.lines ?? []) {
    const legs = [debit(wallet, line.amount), credit(line.wallet ?? '', line.amount)];
    const input = {
      ...transferInput(legs, { settle: 'immediate' }),
      groupId: line.groupId,
      stepKey: advance?.stepKey ?? '',
    };
    expect(await codeOf(openTransfer(world.db, input))).toBe('done');
  }
}

it('reads as much of a long list as of a short one, whatever was planned for that', async () => {
  await withPlanWatch(world.database.owner, async (watch) => {
    const { session } = watch;
    const short = await world.opened(await walletWith(world.db, '5'), world.linesOf(5));
    await payPayoutLines(session, short.run.id, 5, NO_SAGAS);
    const long = await world.opened(await walletWith(world.db, '2000'), world.linesOf(2_000));
    await payWithoutWord(session, long.run.wallet, long.run.id);
    watch.most = 0;
    const advance = await advancePayoutRun(session, long.run.id, LOT);
    expect(advance?.run.lines.settled).toBe(LOT);
    expect(advance?.lines).toHaveLength(LOT);
    expect(watch.most).toBeGreaterThanOrEqual(LOT);
    expect(watch.most).toBeLessThanOrEqual(2 * LOT);
  });
});

it('reads each withdrawal that is held once, whatever was planned for a few', async () => {
  const outside = (count: number) =>
    Array.from({ length: count }, () => ({ destination: 'iban:1', amount: '1' }));
  await withPlanWatch(world.database.owner, async (watch) => {
    const { session } = watch;
    const short = await world.opened(await walletWith(world.db, '2'), outside(2));
    await payPayoutLines(session, short.run.id, 5, NO_SAGAS);
    const long = await world.opened(await walletWith(world.db, '600'), outside(600));
    await payPayoutLines(queueSteps(world.db), long.run.id, 600, NO_SAGAS);
    watch.most = 0;
    const advance = await advancePayoutRun(session, long.run.id, LOT);
    expect(advance?.run.lines.held).toBe(600);
    expect(watch.most).toBeGreaterThanOrEqual(600);
    // Rows that were changed a moment ago may be met twice.
    expect(watch.most).toBeLessThanOrEqual(2 * 600);
  });
});

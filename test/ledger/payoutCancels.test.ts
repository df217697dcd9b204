/** Ending a payout run while its lines are being paid. */
import { beforeAll, describe, expect, it } from 'vitest';
import { stepKey } from '../../src/contracts/ids.ts';
import { audit } from '../../src/ledger/audit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { advancePayoutRun, cancelPayoutRun } from '../../src/ledger/payoutRuns.ts';
import {
  amounts,
  codeOf,
  credit,
  debit,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';
import { allLines } from './payoutInputs.ts';
import { createPayoutWorld, type PayoutWorld } from './payoutWorld.ts';

let world: PayoutWorld;
let db: PayoutWorld['db'];
let receivers: string[];
beforeAll(async () => {
  world = await createPayoutWorld();
  ({ db, receivers } = world);
});

const cancelInput = (runId: string, key = unique('key')) => ({
  runId,
  stepKey: stepKey('cancel', 'shop', key),
  actor: { name: 'shop', admin: false },
  reason: 'wrong month',
});

describe('a cancelled run', () => {
  it('pays nothing more, keeps what is paid, and stays as it is', async () => {
    const payer = await walletWith(db, '300');
    const { run } = await world.opened(payer, world.linesOf(300));
    await world.pay(run.id, 100);
    const input = cancelInput(run.id);
    expect(await cancelPayoutRun(db, input)).toMatchObject({
      outcome: 'done',
      replayed: false,
      run: {
        status: 'CANCELLED',
        reason: 'wrong month',
        paid: '100',
        lines: { settled: 100, waiting: 0, cancelled: 200 },
      },
    });
    expect(await world.pay(run.id)).toMatchObject({ status: 'CANCELLED', lines: { settled: 100 } });
    expect(await amounts(db, payer)).toEqual(['200', '0', '0']);
    expect(await cancelPayoutRun(db, input)).toMatchObject({ outcome: 'done', replayed: true });
    expect(await cancelPayoutRun(db, cancelInput(run.id))).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'GROUP_NOT_OPEN' },
    });
    expect(await cancelPayoutRun(db, cancelInput('payoutRun:shop:none'))).toEqual({
      outcome: 'not_found',
    });
  });

  it('says the truth of lines that are being paid at that moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const payer = await walletWith(db, '200');
      const { run } = await world.opened(payer, world.linesOf(200));
      const paying = world.pay(run.id);
      await new Promise((resolve) => setTimeout(resolve, round * 4));
      const outcome = await cancelPayoutRun(db, cancelInput(run.id));
      const told = outcome.outcome === 'done' ? outcome.run : await readPayoutRun(db, run.id);
      const left = await amounts(db, payer);
      await paying;
      // Whoever still paid was told no: nothing moved after the answer.
      expect(await amounts(db, payer)).toEqual(left);
      expect(await readPayoutRun(db, run.id)).toEqual(told);
      expect(told?.lines).toMatchObject({ refused: 0, waiting: 0 });
      expect(left[0]).toBe(String(200 - (told?.lines.settled ?? 0)));
      const settled = (await allLines(db, run.id)).filter(({ status }) => status === 'settled');
      expect(settled).toHaveLength(told?.lines.settled ?? -1);
    }
    expect((await audit(db)).faults).toEqual([]);
  });

  it('closes the groups of lines that were handed out, so that none is paid late', async () => {
    const payer = await walletWith(db, '3');
    const { input, run } = await world.opened(payer, world.linesOf(3));
    const advance = await advancePayoutRun(db, run.id, 2);
    expect(advance?.lines.map(({ line }) => line)).toEqual([1, 2]);
    await cancelPayoutRun(db, cancelInput(run.id));
    const late = {
      ...transferInput([debit(payer, '1'), credit(receivers[0] ?? '', '1')]),
      groupId: advance?.lines[0]?.groupId ?? '',
      stepKey: input.stepKey,
      settle: 'immediate' as const,
      expiresIn: null,
    };
    expect(await codeOf(openTransfer(db, late))).toBe('GROUP_NOT_OPEN');
    expect(await amounts(db, payer)).toEqual(['3', '0', '0']);
  });
});

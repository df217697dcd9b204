/** Lines of a payout run that leave for the outside, as the ledger keeps them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { audit } from '../../src/ledger/audit.ts';
import { inTurns } from '../../src/ledger/crowd.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { advancePayoutRun, openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../../src/ledger/payPayoutLines.ts';
import { reject } from '../../src/ledger/reject.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { addAsset, amounts, done, rowsOf, step, unique, walletWith } from './ledgerWorld.ts';
import { allLines, runInput } from './payoutInputs.ts';
import { createPayoutWorld, NO_SAGAS, type PayoutWorld } from './payoutWorld.ts';

let world: PayoutWorld;
let db: PayoutWorld['db'];
let receivers: string[];
beforeAll(async () => {
  world = await createPayoutWorld();
  ({ db, receivers } = world);
  await addAsset(db, { code: 'FEE', scale: 2, withdrawalFee: '1', minWithdrawal: '5' });
});

const outside = (count: number, amount = '1') =>
  Array.from({ length: count }, (_, index) => ({ destination: `iban:${index + 1}`, amount }));

const groupOf = (runId: string, line: number) => `${runId.replace(/^payoutRun/, 'payout')}:${line}`;

const finalize = (group: string, amount: string | null = null) =>
  done(finalizeWithdrawal(db, { ...step('finalize', group), amount, final: true, txid: null }));

describe('a line with a destination', () => {
  it('is a withdrawal, and has ended when that has', async () => {
    const payer = await walletWith(db, '10');
    const [wallet = ''] = receivers;
    const lines = [
      { wallet, amount: '1' },
      { destination: 'iban:1', amount: '2', reference: 'wages' },
      { wallet, amount: '3' },
      { destination: 'iban:2', amount: '4' },
    ];
    const { run } = await world.opened(payer, lines);
    expect(run).toMatchObject({ total: '10', lines: { waiting: 4, held: 0 } });
    expect(await world.pay(run.id)).toMatchObject({
      status: 'RUNNING',
      paid: '4',
      lines: { settled: 2, held: 2, waiting: 0 },
      withdrawals: { ready: 2, sent: 0, awaitingApproval: 0, awaitingFunds: 0, stuck: 0 },
    });
    expect(await amounts(db, payer)).toEqual(['0', '0', '6']);
    expect(await readGroup(db, groupOf(run.id, 2))).toMatchObject({
      kind: 'withdrawal',
      status: 'IN_PROGRESS',
      reference: 'wages',
      metadata: { payoutRun: run.id, line: 2 },
      withdrawal: { state: 'held', destination: 'iban:1' },
    });
    await finalize(groupOf(run.id, 2));
    expect(await world.pay(run.id)).toMatchObject({ status: 'RUNNING', paid: '6' });
    // Some of it arrived, and somebody said that no more will.
    await finalize(groupOf(run.id, 4), '1.5');
    expect(await world.pay(run.id)).toMatchObject({
      status: 'DONE',
      paid: '7.5',
      lines: { settled: 4, held: 0 },
    });
    expect(await amounts(db, payer)).toEqual(['2.5', '0', '0']);
    const found = await allLines(db, run.id);
    expect(found.map(({ status, state, feeMode }) => [status, state, feeMode])).toEqual([
      ['settled', null, null],
      ['settled', 'settled', 'platform'],
      ['settled', null, null],
      ['settled', 'settled', 'platform'],
    ]);
    expect(found[1]).toMatchObject({ wallet: null, destination: 'iban:1', line: 2 });
    expect((await audit(db)).faults).toEqual([]);
  });

  it('is refused by itself, for good, where it cannot be held', async () => {
    const payer = await walletWith(db, '13', 'FEE');
    const { run } = await world.opened(payer, outside(3, '5'));
    expect(await world.pay(run.id)).toMatchObject({ lines: { held: 2, refused: 1 } });
    const [, , third] = await allLines(db, run.id);
    expect(third).toMatchObject({ status: 'refused', code: 'INSUFFICIENT_FUNDS', state: null });
    expect(await amounts(db, payer)).toEqual(['1', '0', '12']);
    for (const line of [1, 2]) await finalize(groupOf(run.id, line));
    // The fee is nobody's pay.
    expect(await world.pay(run.id)).toMatchObject({ status: 'DONE', paid: '10' });
  });

  it('gets what is there in the order of the list, as wallets do', async () => {
    const payer = await walletWith(db, '10');
    const [wallet = ''] = receivers;
    const lines = [
      { destination: 'iban:1', amount: '3' },
      { wallet, amount: '3' },
      { wallet, amount: '1' },
      { destination: 'iban:2', amount: '3' },
      { wallet, amount: '1' },
      { destination: 'iban:3', amount: '1' },
      { wallet, amount: '0.01' },
    ];
    const { run } = await world.opened(payer, lines);
    await world.pay(run.id);
    expect((await allLines(db, run.id)).map(({ status }) => status)).toEqual([
      'held',
      'settled',
      'settled',
      'held',
      'refused',
      'refused',
      'refused',
    ]);
  });

  it('has its money given back with the reason, and counts as ended', async () => {
    const payer = await walletWith(db, '9');
    const rule = { asset: 'USD', owner: null, walletKind: null, approvals: 1 };
    await putApprovalRule(db, { id: 'large', ...rule, from: '5' });
    const lines = [...outside(2), { destination: 'iban:9', amount: '5' }];
    const { run } = await world.opened(payer, lines);
    expect(await world.pay(run.id)).toMatchObject({
      withdrawals: { ready: 2, awaitingApproval: 1 },
    });
    const [first, second, third] = [1, 2, 3].map((line) => groupOf(run.id, line));
    const whole = { amount: null, final: true };
    await done(
      releaseWithdrawal(db, { ...step('release', first ?? ''), ...whole, reason: 'left' }),
    );
    await done(reject(db, { ...step('reject', third ?? ''), reason: 'not hers' }));
    await finalize(second ?? '');
    expect(await world.pay(run.id)).toMatchObject({
      status: 'DONE',
      paid: '1',
      lines: { settled: 1, released: 2 },
    });
    const found = await allLines(db, run.id);
    expect(found.map(({ status, code, detail }) => [status, code, detail])).toEqual([
      ['released', 'RELEASED', 'The withdrawal was given back: left'],
      ['settled', null, null],
      ['released', 'CANCELLED', 'The withdrawal was given back: not hers'],
    ]);
    expect(await amounts(db, payer)).toEqual(['8', '0', '0']);
  });

  it('is held once and begun at least once, whoever pays it and dies', async () => {
    const payer = await walletWith(db, '40');
    const { run } = await world.opened(payer, outside(40));
    const began: string[] = [];
    let left = 10;
    const begin = async (id: string) => {
      left -= 1;
      if (left < 0) throw new Error('Temporal is away');
      began.push(id);
    };
    const dying = () => payPayoutLines(queueSteps(db), run.id, 40, { ...NO_SAGAS, begin });
    await expect(dying()).rejects.toThrow('away');
    expect(began).toHaveLength(10);
    left = 1_000;
    await Promise.all([dying(), dying(), dying()]);
    expect(new Set(began).size).toBe(40);
    expect(await amounts(db, payer)).toEqual(['0', '0', '40']);
    expect(await rowsOf(db, groupOf(run.id, 7))).toEqual(['HOLD -1', 'HOLD 1']);
    const before = began.length;
    await dying();
    expect(began, 'nothing is begun again that somebody began').toHaveLength(before);
  });

  it('waits with others until it is its turn to begin', async () => {
    const { run } = await world.opened(await walletWith(db, '60'), outside(60));
    let now = 0;
    let most = 0;
    const begin = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setTimeout(resolve, 40));
      now -= 1;
    };
    const hands = { ...NO_SAGAS, begin, inTurn: inTurns(3) };
    expect(await payPayoutLines(queueSteps(db), run.id, 60, hands)).toMatchObject({
      lines: { held: 60 },
    });
    expect(most).toBe(3);
  });

  it('is left alone, with all after it, where Temporal does not answer', async () => {
    const payer = await walletWith(db, '60');
    const { run } = await world.opened(payer, outside(60));
    let tried = 0;
    const begin = async () => {
      tried += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('Temporal is away');
    };
    const hands = { ...NO_SAGAS, begin, inTurn: inTurns(2) };
    await expect(payPayoutLines(queueSteps(db), run.id, 60, hands)).rejects.toThrow('away');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(tried, 'those that were under way').toBeLessThanOrEqual(3);
    const held = Number((await amounts(db, payer))[2]);
    expect(held).toBeLessThan(60);
    expect(await world.pay(run.id)).toMatchObject({ lines: { held: 60 } });
  });

  it('is begun by whoever comes next where the holder died without a word', async () => {
    const { run } = await world.opened(await walletWith(db, '5'), outside(5));
    await world.pay(run.id, 3);
    // As if nobody had told that it was begun.
    await world.database.owner.query('update payout_held set begun = false where run_id = $1', [
      run.id,
    ]);
    const linesOf = async (most: number, begun?: number[]) =>
      (await advancePayoutRun(db, run.id, most, begun))?.lines;
    expect(await linesOf(2)).toMatchObject([{ line: 1 }, { line: 2 }]);
    // As many are out as may be, and none is added.
    expect((await linesOf(3))?.map(({ line, out }) => [line, out?.destination])).toEqual([
      [1, 'iban:1'],
      [2, 'iban:2'],
      [3, 'iban:3'],
    ]);
    expect(await linesOf(2, [1, 3])).toMatchObject([{ line: 2 }, { line: 4 }]);
  });

  it('is another one where its destination is', async () => {
    const input = runInput(unique('run'), await walletWith(db, '2'), outside(2));
    await openPayoutRun(db, input);
    expect(await openPayoutRun(db, input)).toMatchObject({ outcome: 'done', replayed: true });
    const lines = [...outside(1), { destination: 'iban:7', amount: '1' }];
    expect(await openPayoutRun(db, { ...input, lines })).toMatchObject({ outcome: 'key_reused' });
    const soon = { ...input, expiresIn: 60 };
    expect(await openPayoutRun(db, soon)).toMatchObject({ outcome: 'key_reused' });
    const spelledOut = outside(2, '1.00').map((line) => ({
      ...line,
      feeMode: 'platform' as const,
      maxFee: null,
    }));
    expect(await openPayoutRun(db, { ...input, lines: spelledOut, expiresIn: null })).toMatchObject(
      { outcome: 'done', replayed: true },
    );
  });

  it('takes the deadline that the run gives all of them', async () => {
    const input = runInput(unique('run'), await walletWith(db, '2'), outside(1), {
      expiresIn: 600,
    });
    await openPayoutRun(db, input);
    await world.pay(input.runId);
    const group = await readGroup(db, groupOf(input.runId, 1));
    const seconds = Date.parse(group?.expiresAt ?? '') - Date.parse(group?.createdAt ?? '');
    expect(seconds).toBe(600_000);
  });

  it('cannot be sent elsewhere, nor wait again, even by the owner', async () => {
    const { run } = await world.opened(await walletWith(db, '1'), outside(1));
    await world.pay(run.id);
    const attacks = [
      `update payout_withdrawals set destination = 'iban:666' where run_id = $1`,
      'delete from payout_withdrawals where run_id = $1',
      `update payout_lines set status = 'waiting' where run_id = $1`,
      `update payout_lines set status = 'cancelled' where run_id = $1`,
    ];
    for (const attack of attacks) {
      const tried = world.database.owner.query(attack, [run.id]);
      await expect(tried, attack).rejects.toMatchObject({ code: 'HF001' });
    }
  });
});

/** Payout runs as the ledger keeps them; the saga that drives them is another test's. */
import { Registry } from 'prom-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { Db } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { deleteLimit, putLimit } from '../../src/ledger/limits.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { advancePayoutRun, openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import { observePayoutRuns } from '../../src/observability/payoutMetrics.ts';
import {
  addAsset,
  amounts,
  codeOf,
  credit,
  debit,
  putIn,
  rowsOf,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';
import { allLines, doneRun, runInput } from './payoutInputs.ts';
import { createPayoutWorld, type PayoutWorld } from './payoutWorld.ts';

let world: PayoutWorld;
let db: PayoutWorld['db'];
let receivers: string[];
beforeAll(async () => {
  world = await createPayoutWorld();
  ({ db, receivers } = world);
});

describe('a payout run', () => {
  it('holds nothing when it is opened, and pays every line as a transfer of its own', async () => {
    const payer = await walletWith(db, '300');
    const before = await amounts(db, receivers[0] ?? '');
    const { input, run } = await world.opened(payer, world.linesOf(300));
    expect(run).toMatchObject({
      status: 'RUNNING',
      wallet: payer,
      asset: 'USD',
      total: '300',
      paid: '0',
      lines: { total: 300, settled: 0, refused: 0, waiting: 300, cancelled: 0 },
      finishedAt: null,
    });
    expect(await amounts(db, payer)).toEqual(['300', '0', '0']);
    const ended = await world.pay(run.id);
    expect(ended).toMatchObject({ status: 'DONE', paid: '300', lines: { settled: 300 } });
    expect(await amounts(db, payer)).toEqual(['0', '0', '0']);
    expect(Number((await amounts(db, receivers[0] ?? ''))[0]) - Number(before[0])).toBe(15);
    const lines = await allLines(db, run.id);
    expect(lines.map(({ line }) => line)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    const [seventeenth] = lines.slice(16);
    expect(seventeenth?.groupId).toBe(`${input.runId.replace('payoutRun:', 'payout:')}:17`);
    expect(await readGroup(db, seventeenth?.groupId ?? '')).toMatchObject({
      kind: 'transfer',
      status: 'SETTLED',
      metadata: { payoutRun: run.id, line: 17 },
    });
    expect((await rowsOf(db, seventeenth?.groupId ?? '')).sort()).toEqual([
      'HOLD -1',
      'HOLD 1',
      'SETTLED -1',
      'SETTLED 1',
    ]);
    expect((await audit(db)).faults).toEqual([]);
  });

  it('refuses each line that cannot be paid by itself, for good, and pays the rest', async () => {
    const payer = await walletWith(db, '10');
    const frozen = await walletWith(db, '0');
    await setWalletStatus(db, { id: frozen, status: 'CLOSED', reason: 'left', actor: 'ann' });
    const [a = '', b = ''] = receivers;
    const list = [
      { wallet: a, amount: '4' },
      { wallet: frozen, amount: '1' },
      { wallet: b, amount: '7' },
      { wallet: a, amount: '5' },
      { wallet: b, amount: '1' },
      { wallet: a, amount: '0.5' },
    ];
    const { run } = await world.opened(payer, list);
    expect(await world.pay(run.id)).toMatchObject({
      status: 'DONE',
      paid: '10',
      lines: { total: 6, settled: 3, refused: 3, waiting: 0 },
    });
    const lines = await allLines(db, run.id);
    expect(lines.map(({ status, code }) => code ?? status)).toEqual([
      'settled',
      'WALLET_NOT_OPEN',
      'INSUFFICIENT_FUNDS',
      'settled',
      'settled',
      'INSUFFICIENT_FUNDS',
    ]);
    expect(lines[2]?.detail).toContain('6 USD available; 7 is required');
    await putIn(db, payer, '100');
    expect(await world.pay(run.id)).toMatchObject({ status: 'DONE', lines: { refused: 3 } });
    expect(await amounts(db, payer)).toEqual(['100', '0', '0']);
  });

  it('keeps within the limits of the day, line by line', async () => {
    const payer = await walletWith(db, '100');
    const limit = { id: unique('limit'), asset: 'USD', wallet: payer, window: 'day' as const };
    await putLimit(db, { ...limit, amount: '5', kinds: ['transfer'] });
    const amountsOfLines = ['3', '3', '2'];
    const wallet = receivers[0] ?? '';
    const { run } = await world.opened(
      payer,
      amountsOfLines.map((amount) => ({ wallet, amount })),
    );
    await world.pay(run.id);
    const codes = (await allLines(db, run.id)).map(({ status, code }) => code ?? status);
    expect(codes).toEqual(['settled', 'LIMIT_EXCEEDED', 'settled']);
    await deleteLimit(db, limit.id);
  });

  it('is one run under its key, whoever asks at the same time', async () => {
    const payer = await walletWith(db, '50');
    const input = runInput(unique('run'), payer, world.linesOf(50));
    const answers = await Promise.all(Array.from({ length: 25 }, () => openPayoutRun(db, input)));
    expect(answers.filter((each) => 'replayed' in each && !each.replayed)).toHaveLength(1);
    expect(new Set(answers.map((each) => JSON.stringify(doneRun(each)))).size).toBe(1);
    await Promise.all([world.pay(input.runId), world.pay(input.runId), world.pay(input.runId)]);
    expect(await readPayoutRun(db, input.runId)).toMatchObject({ lines: { settled: 50 } });
    expect(await amounts(db, payer)).toEqual(['0', '0', '0']);
    const again = await openPayoutRun(db, input);
    expect(again).toMatchObject({ replayed: true, run: { status: 'RUNNING', paid: '0' } });
    const other = runInput('', payer, [
      ...world.linesOf(49),
      { wallet: receivers[0] ?? '', amount: '2' },
    ]);
    const reused = await openPayoutRun(db, { ...input, lines: other.lines });
    expect(reused).toMatchObject({ outcome: 'key_reused', stored: {}, asked: {} });
  });

  it('goes on where somebody died between paying lines and writing it down', async () => {
    const payer = await walletWith(db, '600');
    const { run } = await world.opened(payer, world.linesOf(600));
    let looks = 2;
    const query = (...args: Parameters<Db['query']>) => {
      const [asked] = args as unknown as [{ name?: string }];
      if (asked.name === 'ledger_advance_payout_run') looks -= 1;
      if (looks <= 0) throw new Error('killed');
      return db.query(...args);
    };
    const dead = world.pay(run.id, 600, { query: query as Db['query'] });
    await expect(dead).rejects.toThrow('killed');
    // Lines are paid without anybody knowing it, and others are out and not paid.
    expect(await readPayoutRun(db, run.id)).toMatchObject({ lines: { settled: 0, waiting: 600 } });
    const left = Number((await amounts(db, payer))[0]);
    expect(left).toBeGreaterThanOrEqual(600 - 256);
    expect(left).toBeLessThan(600);
    expect(await world.pay(run.id)).toMatchObject({ status: 'DONE', lines: { settled: 600 } });
    expect(await amounts(db, payer)).toEqual(['0', '0', '0']);
  });

  it('pays what was handed out to somebody who died before paying it', async () => {
    const payer = await walletWith(db, '200');
    const { run } = await world.opened(payer, world.linesOf(200));
    const handedOut = await advancePayoutRun(db, run.id, 100);
    expect(handedOut?.lines).toHaveLength(100);
    expect(await advancePayoutRun(db, run.id, 120)).toMatchObject({
      lines: Array.from({ length: 120 }, (_, index) => ({ line: index + 1 })),
    });
    expect(await world.pay(run.id)).toMatchObject({ status: 'DONE', lines: { settled: 200 } });
    expect(await amounts(db, payer)).toEqual(['0', '0', '0']);
  });

  it('tells how many lines wait, and for how long a run is under way', async () => {
    const { run } = await world.opened(await walletWith(db, '7'), world.linesOf(7));
    const registry = new Registry();
    observePayoutRuns(registry, db);
    const figures = await registry.metrics();
    expect(figures).toContain('holdfast_open_payout_runs 1');
    expect(figures).toContain('holdfast_payout_lines_waiting 7');
    expect(figures).toMatch(/holdfast_open_payout_runs_oldest_seconds 0\.\d+/);
    await world.pay(run.id);
    expect(await registry.metrics()).toContain('holdfast_payout_lines_waiting 0');
  });

  it('is never paid by a key that a client chose to look like a line', async () => {
    const payer = await walletWith(db, '5');
    const { input, run } = await world.opened(payer, world.linesOf(1, '5'));
    const key = `${input.runId.replace('payoutRun:shop:', '')}:1`;
    expect(groupId('transfer', 'shop', key)).not.toBe(`payout:shop:${key}`);
    const transfer = transferInput([debit(payer, '5'), credit(receivers[0] ?? '', '5')], {
      key,
      settle: 'immediate',
    });
    expect(await codeOf(openTransfer(db, transfer))).toBe('done');
    expect(await world.pay(run.id)).toMatchObject({ lines: { settled: 0, refused: 1 } });
  });
});

describe('a list with faults', () => {
  const refusalOf = async (wallet: string, lines: { wallet: string; amount: string }[]) => {
    const input = runInput(unique('run'), wallet, lines);
    const outcome = await openPayoutRun(db, input);
    if (outcome.outcome !== 'refused') throw new Error(`not refused: ${outcome.outcome}`);
    expect(await readPayoutRun(db, input.runId)).toBeNull();
    return { input, ...outcome, pointers: outcome.refusal.errors?.map(({ pointer }) => pointer) };
  };

  it('is refused whole, and each line at fault is named, the first hundred of them', async () => {
    const payer = await walletWith(db, '5');
    const lines = [...world.linesOf(2), { wallet: 'nobody', amount: '1' }, ...world.linesOf(1)];
    const { refusal, frozen, pointers, input } = await refusalOf(payer, lines);
    expect([refusal.code, frozen, pointers]).toEqual([
      'WALLET_NOT_FOUND',
      true,
      ['/lines/2/wallet'],
    ]);
    expect(await openPayoutRun(db, input)).toMatchObject({ outcome: 'refused', replayed: true });
    const many = await refusalOf(
      payer,
      Array.from({ length: 150 }, (_, i) => ({ wallet: `nobody-${i}`, amount: '1' })),
    );
    expect(many.pointers).toHaveLength(100);
    expect(many.pointers?.at(-1)).toBe('/lines/99/wallet');
    expect(many.refusal.detail).toContain('150');
  });

  it('is told by what the caller wrote wrong first, and that leaves the key free', async () => {
    const payer = await walletWith(db, '5');
    await addAsset(db, { code: 'EUR', scale: 2 });
    const euro = await walletWith(db, '0', 'EUR');
    const [a = ''] = receivers;
    const tooFine = { wallet: a, amount: '0.001' };
    const cases: [string, boolean, { wallet: string; amount: string }[], string[]][] = [
      ['ASSET_MISMATCH', true, [{ wallet: euro, amount: '1' }], ['/lines/0/wallet']],
      ['INVALID_REQUEST', false, [{ wallet: payer, amount: '1' }], ['/lines/0/wallet']],
      ['FORBIDDEN', false, [{ wallet: 'fees:USD', amount: '1' }], ['/lines/0/wallet']],
      [
        'INVALID_AMOUNT',
        false,
        [{ wallet: 'nobody', amount: '1' }, ...world.linesOf(1), tooFine],
        ['/lines/0/wallet', '/lines/2/amount'],
      ],
    ];
    for (const [code, frozen, lines, pointers] of cases) {
      const told = await refusalOf(payer, lines);
      expect([told.refusal.code, told.frozen, told.pointers]).toEqual([code, frozen, pointers]);
    }
    const { refusal, frozen, pointers } = await refusalOf('fees:USD', world.linesOf(1));
    expect([refusal.code, frozen, pointers]).toEqual(['FORBIDDEN', false, ['/wallet']]);
    const { input } = await refusalOf(payer, [tooFine]);
    expect(await openPayoutRun(db, { ...input, lines: world.linesOf(1) })).toMatchObject({
      outcome: 'done',
      replayed: false,
    });
  });

  it('may name system wallets where an administrator asks', async () => {
    const admin = { name: 'shop', admin: true };
    const lines = [{ wallet: 'fees:USD', amount: '1' }];
    const input = runInput(unique('run'), await walletWith(db, '1'), lines, { actor: admin });
    const run = doneRun(await openPayoutRun(db, input));
    expect(await world.pay(run.id)).toMatchObject({ status: 'DONE', lines: { settled: 1 } });
  });
});

describe('the rows of a run', () => {
  it('cannot be deleted, nor changed once they are decided, even by the owner', async () => {
    const { run } = await world.opened(await walletWith(db, '1'), world.linesOf(2));
    await world.pay(run.id);
    const { owner } = world.database;
    const attacks = [
      'delete from payout_lines where run_id = $1',
      'delete from payout_runs where id = $1',
      `update payout_lines set status = 'waiting' where run_id = $1 and line = 1`,
      'update payout_lines set amount = 9 where run_id = $1',
      `update payout_runs set status = 'RUNNING' where id = $1`,
    ];
    for (const attack of attacks) {
      await expect(owner.query(attack, [run.id]), attack).rejects.toMatchObject({ code: 'HF001' });
    }
    for (const attack of attacks.slice(0, 2)) {
      await expect(db.query(attack, [run.id]), attack).rejects.toMatchObject({ code: '42501' });
    }
  });
});

/** Ending a payout run of which withdrawals are open. */
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { stepKey } from '../../src/contracts/ids.ts';
import type { PayoutOutcome } from '../../src/contracts/payouts.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { audit } from '../../src/ledger/audit.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { listGivenBack, readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { cancelPayoutRun } from '../../src/ledger/payoutRuns.ts';
import {
  addAsset,
  amounts,
  credit,
  debit,
  done,
  step,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';
import { allLines } from './payoutInputs.ts';
import { createPayoutWorld, type PayoutWorld } from './payoutWorld.ts';

const PAYEE = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';

let world: PayoutWorld;
let db: PayoutWorld['db'];
beforeAll(async () => {
  world = await createPayoutWorld();
  db = world.db;
  await addAsset(db, { code: 'COIN', scale: 2, chain: 'eip155:31337' });
});

const coins = (count: number) =>
  Array.from({ length: count }, () => ({ destination: PAYEE, amount: '1' }));

/** A wallet with so many coins, as if they had come from the chain. */
async function coinsIn(amount: string): Promise<string> {
  const wallet = await walletWith(db, '0', 'COIN');
  const input = transferInput([debit('external:COIN', amount), credit(wallet, amount)], {
    settle: 'immediate',
  });
  await done(openTransfer(db, { ...input, actor: { name: 'admin', admin: true } }));
  return wallet;
}

const groupOf = (runId: string, line: number) => `${runId.replace(/^payoutRun/, 'payout')}:${line}`;

const cancel = (runId: string, key = unique('key')): Promise<PayoutOutcome> =>
  cancelPayoutRun(db, {
    runId,
    stepKey: stepKey('cancel', 'shop', key),
    actor: { name: 'shop', admin: false },
    reason: 'wrong month',
  });

/** As the chain's own functions move it. */
const setState = (group: string, state: string) =>
  world.database.owner.query('update withdrawals set state = $2 where group_id = $1', [
    group,
    state,
  ]);

it('gives back at once what is not being signed, and ends', async () => {
  const payer = await coinsIn('20');
  const { run } = await world.opened(payer, coins(20));
  await world.pay(run.id, 12);
  expect(await cancel(run.id)).toMatchObject({
    outcome: 'done',
    run: {
      status: 'CANCELLED',
      reason: 'wrong month',
      paid: '0',
      lines: { released: 12, cancelled: 8, held: 0, waiting: 0 },
    },
  });
  expect(await amounts(db, payer)).toEqual(['20', '0', '0']);
  const [first] = await allLines(db, run.id);
  expect(first).toMatchObject({ status: 'released', code: 'PAYOUT_RUN_CANCELLED' });
  expect(await readGroup(db, groupOf(run.id, 1))).toMatchObject({
    status: 'RELEASED',
    reason: 'PAYOUT_RUN_CANCELLED',
  });
  expect(await listGivenBack(db, run.id)).toHaveLength(12);
  expect(await world.pay(run.id)).toMatchObject({ status: 'CANCELLED' });
});

it('leaves what began to be signed while it was waited for', async () => {
  const { run } = await world.opened(await coinsIn('2'), coins(2));
  await world.pay(run.id);
  const { owner } = world.database;
  const signer = await owner.connect();
  onTestFinished(() => signer.release(true));
  const first = groupOf(run.id, 1);
  await signer.query('begin');
  await signer.query('select from transfer_groups where id = $1 for update', [first]);
  const ended = cancel(run.id);
  const waiting = async () => {
    const { rows } = await owner.query(
      `select count(*)::integer as n from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows[0].n;
  };
  await expect.poll(waiting).toBe(1);
  await signer.query("update withdrawals set state = 'signing' where group_id = $1", [first]);
  await signer.query('commit');
  expect(await ended).toMatchObject({
    outcome: 'done',
    run: { status: 'CANCELLING', lines: { released: 1, held: 1 } },
  });
});

it('leaves what is being signed to the chain, and is CANCELLING until that has ended', async () => {
  const payer = await coinsIn('5');
  const { run } = await world.opened(payer, coins(5));
  await world.pay(run.id);
  await setState(groupOf(run.id, 2), 'signing');
  await setState(groupOf(run.id, 4), 'broadcast');
  const key = unique('key');
  const first = await cancel(run.id, key);
  expect(first).toMatchObject({
    outcome: 'done',
    run: {
      status: 'CANCELLING',
      reason: 'wrong month',
      finishedAt: null,
      lines: { released: 3, held: 2, cancelled: 0 },
      withdrawals: { sent: 2 },
    },
  });
  expect(await amounts(db, payer)).toEqual(['3', '0', '2']);
  expect(await cancel(run.id)).toMatchObject({ refusal: { code: 'GROUP_NOT_OPEN' } });
  expect(await cancel(run.id, key)).toEqual({ ...first, replayed: true });
  expect(await world.pay(run.id)).toMatchObject({ status: 'CANCELLING', lines: { held: 2 } });
  // A batch ended without paying, so it would be paid alone.
  await setState(groupOf(run.id, 2), 'held');
  expect(await world.pay(run.id)).toMatchObject({ status: 'CANCELLING', lines: { released: 4 } });
  await setState(groupOf(run.id, 4), 'held');
  expect(await world.pay(run.id)).toMatchObject({
    status: 'CANCELLED',
    reason: 'wrong month',
    lines: { released: 5, held: 0 },
  });
  expect(await amounts(db, payer)).toEqual(['5', '0', '0']);
});

it('gives back long lists some at a time', { timeout: 30_000 }, async () => {
  const payer = await coinsIn('450');
  const { run } = await world.opened(payer, coins(450));
  await world.pay(run.id);
  const stopped = await cancel(run.id);
  expect(stopped).toMatchObject({ run: { status: 'CANCELLING', lines: { released: 200 } } });
  expect(await world.pay(run.id)).toMatchObject({ status: 'CANCELLED', lines: { released: 450 } });
  expect(await amounts(db, payer)).toEqual(['450', '0', '0']);
  expect((await audit(db)).faults).toEqual([]);
});

it('leaves to people what somebody outside may have paid, unless it was not approved', async () => {
  const payer = await walletWith(db, '13');
  const rule = { asset: 'USD', owner: null, walletKind: null, approvals: 1 };
  await putApprovalRule(db, { id: 'large', ...rule, from: '5' });
  const amountsOf = ['1', '10', '2'];
  const { run } = await world.opened(
    payer,
    amountsOf.map((amount) => ({ destination: 'iban:1', amount })),
  );
  await world.pay(run.id);
  // A custodian pays the third one, and was not asked yet.
  await world.database.owner.query(
    `insert into custody_payments (group_id, custodian, final) values ($1, 'acme', '1')`,
    [groupOf(run.id, 3)],
  );
  expect(await cancel(run.id)).toMatchObject({
    run: { status: 'CANCELLING', lines: { released: 2, held: 1 }, withdrawals: { ready: 1 } },
  });
  const paid = { ...step('finalize', groupOf(run.id, 1)), amount: null, final: true, txid: null };
  await done(finalizeWithdrawal(db, paid));
  expect(await world.pay(run.id)).toMatchObject({
    status: 'CANCELLED',
    paid: '1',
    lines: { settled: 1, released: 2 },
  });
});

it('says the truth of lines that are being held at that moment', async () => {
  for (let round = 0; round < 10; round += 1) {
    const payer = await coinsIn('60');
    const { run } = await world.opened(payer, coins(60));
    const paying = world.pay(run.id);
    await new Promise((resolve) => setTimeout(resolve, round * 8));
    const outcome = await cancel(run.id);
    const told = outcome.outcome === 'done' ? outcome.run : null;
    expect(told).toMatchObject({ status: 'CANCELLED', lines: { held: 0, waiting: 0 } });
    expect(await amounts(db, payer)).toEqual(['60', '0', '0']);
    await paying;
    // Whoever still held was told no.
    expect(await amounts(db, payer)).toEqual(['60', '0', '0']);
    expect(await readPayoutRun(db, run.id)).toEqual(told);
  }
  expect((await audit(db)).faults).toEqual([]);
});

it('holds no more while a thousand wait to be signed', { timeout: 60_000 }, async () => {
  const payer = await coinsIn('1500');
  const { run } = await world.opened(payer, coins(1_500));
  const { lines } = (await world.pay(run.id)) ?? {};
  expect(lines?.held).toBeGreaterThanOrEqual(1_000);
  expect(lines?.held).toBeLessThan(1_300);
  expect(await world.pay(run.id)).toMatchObject({ lines });
  await world.database.owner.query(
    `update withdrawals set state = 'broadcast' where wallet_id = $1`,
    [payer],
  );
  expect(await world.pay(run.id)).toMatchObject({ lines: { held: 1_500, waiting: 0 } });
});

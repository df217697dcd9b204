/** A credit or an end that meets what stands against it: a dropped block, a halt, other books. */
import { beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import {
  creditChainDeposit,
  openChainDeposit,
  orphanChainDeposit,
} from '../../src/chains/deposits.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settleChainWithdrawal } from '../../src/withdrawals/withdrawalTables.ts';
import { debit, done, transferInput } from '../ledger/ledgerWorld.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

/** Far more than a step takes. */
const LATE_MS = 500;
let world: PayWorld;
let count = 0;

beforeAll(async () => {
  world = await createPayWorld();
  // Final by its own word, so that what is final can be dropped.
  await world.database.owner.query("update assets set final = '1', confirmations = 1");
});

beforeEach(async () => {
  await world.node.automine(true);
});

/** A deposit that is pending and deep enough, and where it stands. */
async function pending() {
  const wallet = `credited-${++count}`;
  const to = await world.wallet(wallet, 'ETH');
  const { txid } = await world.node.send({ to, wei: 10n ** 18n });
  await world.follow();
  const { rows } = await world.database.owner.query(
    'select id::text, block_height::integer as height from chain_inclusions where txid = $1',
    [txid],
  );
  const { id, height } = rows[0];
  await openChainDeposit(world.db, id);
  return { wallet, id, height, step: () => creditChainDeposit(world.db, id) };
}

/** A withdrawal whose payment is in a final block and booked, but for its end. */
async function paid() {
  const { id, wallet } = await world.withdraw('ETH', '0.1');
  await world.sign(id);
  await world.send(id);
  await world.follow();
  await world.value('select chain_observe_withdrawal($1, $2, 600, null)', id, 'test');
  const { rows } = await world.database.owner.query(
    `select id::text, block_height::integer as height from attempt_inclusions
      order by attempt_inclusions.id desc limit 1`,
  );
  const { id: inclusion, height } = rows[0];
  return { wallet, height, step: () => settleChainWithdrawal(world.db, inclusion) };
}

it('a deposit is not credited whose block is being dropped in this moment', async () => {
  const { wallet, id, height, step } = await pending();
  const watcher = await world.db.connect();
  try {
    await watcher.query('begin');
    await watcher.query("select chain_rewind($1, 'test', $2)", [world.port.chain, height - 1]);
    const credited = step();
    const late = new Promise((resolve) => setTimeout(resolve, LATE_MS, 'it waits'));
    expect(await Promise.race([credited, late])).toBe('it waits');
    await watcher.query('commit');
    expect(await credited).toMatchObject({ outcome: 'waiting', groupStatus: 'IN_PROGRESS' });
  } finally {
    watcher.release(true);
  }
  expect(await world.balance(wallet)).toMatchObject({ available: '0', pendingIn: '1' });
  expect(await orphanChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'CANCELLED' });
  await world.follow();
});

it('a deposit is not cancelled whose block is in the chain', async () => {
  const { wallet, id, step } = await pending();
  expect(await orphanChainDeposit(world.db, id)).toMatchObject({
    outcome: 'waiting',
    why: 'its block is in the chain',
  });
  expect(await world.balance(wallet)).toMatchObject({ pendingIn: '1' });
  expect(await step()).toMatchObject({ groupStatus: 'SETTLED' });
});

it.each([
  ['a deposit', pending],
  ['a payment', paid],
])('%s has no end while its chain is halted', async (_, made) => {
  const { step } = await made();
  await world.database.owner.query("select chain_halt(id, 'a test') from chains");
  expect(await step()).toMatchObject({ outcome: 'waiting', groupStatus: 'IN_PROGRESS' });
  await world.database.owner.query('update chain_halts set until = now()');
  expect(await step()).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
});

it.each([
  ['a deposit', pending],
  ['a payment', paid],
])('%s has no end by a block that is not the stored one of its height', async (_, made) => {
  const { height, step } = await made();
  const { owner } = world.database;
  const put = (hash: string) =>
    owner.query(`update chain_blocks set hash = ${hash} where height = $1 and canonical`, [height]);
  await put("'other' || hash");
  expect(await step()).toMatchObject({ outcome: 'waiting', groupStatus: 'IN_PROGRESS' });
  await put("replace(hash, 'other', '')");
  expect(await step()).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
});

/** A credit that is to be taken back: its block is gone, the new branch is read without it. */
async function orphaned() {
  const { wallet, id, step } = await pending();
  await step();
  await world.database.owner.query(
    'update chain_inclusions set canonical = false, scan_to = block_height where id = $1',
    [id],
  );
  const reverse = () => world.value("select chain_reverse_credit($1, 'test', 10)", id);
  return { wallet, id, reverse };
}

it('a credit is not taken back while its chain is halted', async () => {
  const { wallet, reverse } = await orphaned();
  const { owner } = world.database;
  await owner.query("select chain_halt(id, 'a test') from chains");
  const why = expect.stringMatching(/stands still/);
  expect(await reverse()).toMatchObject({ outcome: 'waiting', why });
  await owner.query('update chain_halts set until = now()');
  expect(await world.balance(wallet)).toMatchObject({ available: '1' });
  expect(await reverse()).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
  expect(await world.balance(wallet)).toMatchObject({ available: '0' });
});

it('a hold that comes in while a credit is taken back ends with it', async () => {
  const { wallet, id, reverse } = await orphaned();
  const other = await world.db.connect();
  onTestFinished(() => other.release(true));
  await other.query('begin');
  await other.query(
    `select from transfer_groups g where g.id =
      (select i.group_id from chain_inclusions i where i.id = $1) for update`,
    [id],
  );
  const taking = reverse();
  const waits = `select count(*)::integer from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  await expect.poll(() => world.value(waits), { timeout: 10_000 }).toBe(1);
  const input = transferInput([debit(wallet, '1')]);
  await done(openTransfer(world.db, input));
  await other.query('rollback');
  expect(await taking).toEqual({ outcome: 'again' });
  expect(await reverse()).toMatchObject({ groupStatus: 'SETTLED' });
  expect((await readGroup(world.db, input.groupId))?.status).toBe('RELEASED');
  expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '0', settled: '0' });
});

it('a block is final where it is the stored one of its height', async () => {
  await world.node.mine(3);
  await world.follow();
  const { owner } = world.database;
  const { rows } = await owner.query('select height::integer, hash from chain_blocks');
  const highest = Math.max(...rows.map(({ height }) => height));
  const { hash } = rows.find(({ height }) => height === highest);
  const note = async (told: string) => {
    const values = [world.port.chain, 'test', highest, highest, told, highest, told];
    await owner.query('select chain_note_head($1, $2, $3, $4, $5, $6, $7)', values);
    const noted = 'select array[safe_height, finalized_height]::integer[] from chains';
    return world.value<number[]>(noted);
  };
  await owner.query('update chains set safe_height = 1, finalized_height = 1');
  expect(await note(`0x${'1'.repeat(64)}`)).toEqual([1, 1]);
  expect(await note(hash)).toEqual([highest, highest]);
  await owner.query('update chains set safe_height = null, finalized_height = null');
});

it('a chain goes back to its highest final block, and no deeper', async () => {
  await world.node.mine(3);
  await world.follow();
  const { owner } = world.database;
  const height = await world.value<number>('select cursor_height::integer from chains');
  const rewind = (to: number) =>
    world.value<number>("select chain_rewind($1, 'test', $2)", world.port.chain, to);
  const halted = () => world.value<boolean>('select chain_is_halted($1)', world.port.chain);
  await owner.query('update chains set finalized_height = $1', [height - 1]);
  expect(await rewind(height - 1)).toBe(1);
  expect(await halted()).toBe(false);
  expect(await rewind(height - 2)).toBe(0);
  expect(await halted()).toBe(true);
  expect(await world.value('select cursor_height::integer from chains')).toBe(height - 1);
});

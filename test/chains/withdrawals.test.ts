/** Withdrawals, step by step on a real node: held, sent, announced, settled. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import {
  observeWithdrawal,
  settleChainWithdrawal,
} from '../../src/withdrawals/withdrawalTables.ts';
import { createPayWorld, DESTINATION, type PayWorld } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const eventsOf = async (id: string) => (await readTimeline(world.db, id)).map(({ event }) => event);

const coinsAt = async (address: string, contract: string | null) =>
  world.port.balanceOf(address.toLowerCase(), contract, await world.node.height());

describe('the way of a payment', () => {
  it('is held, sent, announced at n, settled when its block is final', async () => {
    const { id, wallet } = await world.withdraw('ETH', '1.5');
    const before = await coinsAt(DESTINATION, null);
    expect((await world.sign(id)).withdrawal).toMatchObject({ state: 'signed' });
    expect((await world.send(id)).withdrawal?.state).toBe('broadcast');
    const included = await world.look(id);
    expect(included.withdrawal).toMatchObject({ state: 'in_block', confirmations: 1 });
    // The fee is held in two legs of its own: nothing is settled before the block is final.
    expect(included.legs.map(({ wallet: name, type }) => [name, type])).toEqual([
      [wallet, 'DEBIT'],
      ['external:ETH', 'CREDIT'],
      ['network-fees:ETH', 'DEBIT'],
      ['external:ETH', 'CREDIT'],
    ]);
    await world.node.mine();
    expect((await world.look(id)).withdrawal).toMatchObject({
      state: 'in_block',
      confirmations: 2,
    });
    await world.database.owner.query("update assets set final = '10' where code = 'ETH'");
    await world.node.mine();
    expect((await world.look(id)).withdrawal).toMatchObject({
      state: 'confirmed',
      confirmations: 3,
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '1.5' });
    await world.node.mine(6);
    expect((await world.look(id)).status).toBe('IN_PROGRESS');
    expect((await observeWithdrawal(world.db, id, 600)).final).toBeNull();
    const inclusion = await world.value<string>('select max(id)::text from attempt_inclusions');
    expect(await settleChainWithdrawal(world.db, inclusion)).toMatchObject({ outcome: 'waiting' });
    await world.node.mine();
    const settled = await world.look(id);
    await world.database.owner.query("update assets set final = null where code = 'ETH'");
    expect(settled).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '0', settled: '0' });
    const after = await coinsAt(DESTINATION, null);
    expect(after - before).toBe(15n * 10n ** 17n);
    expect(await eventsOf(id)).toEqual([
      'withdraw',
      'withdrawal.signing',
      'withdrawal.signed',
      'withdrawal.broadcast',
      'fee',
      'withdrawal.in_block',
      'confirmed',
      'settle',
    ]);
    const announced = 'select array_agg(event order by id) from outbox where group_id = $1';
    expect(await world.value(announced, id)).toEqual([
      'group.opened',
      'group.legs_added',
      'withdrawal.confirmed',
      'group.settled',
    ]);
    await world.expectReconciled();
  });

  it('pays tokens, and the fee in the native coin', async () => {
    const { id } = await world.withdraw('USDX', '12.345678');
    await world.sign(id);
    await world.send(id);
    await world.node.mine(3);
    const settled = await world.look(id);
    expect(settled).toMatchObject({ status: 'SETTLED' });
    expect(settled.legs.map(({ asset }) => asset)).toEqual(['USDX', 'USDX', 'ETH', 'ETH']);
    const paid = await coinsAt(DESTINATION, world.usdx);
    expect(paid).toBe(12_345_678n);
    await world.expectReconciled();
  });

  it('to a deposit address of ours is one payment and one deposit', async () => {
    const address = await world.wallet('receiver', 'ETH');
    const { id } = await world.withdraw('ETH', '0.25', { destination: address });
    await world.sign(id);
    await world.send(id);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
    const seen = 'select trim_scale(amount)::text from chain_inclusions where to_address = $1';
    expect(await world.value(seen, address)).toBe('0.25');
    await world.expectReconciled();
  });
});

it('gives 10 withdrawals at once 10 nonces without a gap, and pays each once', async () => {
  const ids: string[] = [];
  for (let each = 0; each < 10; each++) ids.push((await world.withdraw('ETH', '0.01')).id);
  // Two workers sign every one of them.
  const signed = await Promise.all([...ids, ...ids].map((id) => signWithdrawal(world.deps, id)));
  const nonces = new Set(signed.map(({ group }) => group.withdrawal?.attempts[0]?.nonce ?? -1));
  expect(nonces.size).toBe(10);
  expect(Math.max(...nonces) - Math.min(...nonces)).toBe(9);
  await Promise.all([...ids, ...ids].map((id) => world.send(id)));
  await world.node.mine(4);
  for (const id of ids) expect((await world.look(id)).status).toBe('SETTLED');
  await world.expectReconciled();
});

it('gives the next nonce to whoever comes while one is being given', async () => {
  const { id: first } = await world.withdraw('ETH', '0.01');
  const { id: second } = await world.withdraw('ETH', '0.01');
  const connection = await world.db.connect();
  await connection.query('begin');
  const signing = signWithdrawal({ ...world.deps, db: connection }, first);
  const one = (await signing).group.withdrawal?.attempts[0]?.nonce ?? 0;
  const waiting = world.sign(second);
  const blocked = `select count(*)::integer from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  await expect.poll(() => world.value(blocked), { timeout: 10_000 }).toBe(1);
  await connection.query('commit');
  connection.release();
  expect((await waiting).withdrawal?.attempts[0]?.nonce).toBe(one + 1);
  for (const id of [first, second]) await world.send(id);
  await world.node.mine(3);
  for (const id of [first, second]) expect((await world.look(id)).status).toBe('SETTLED');
});

it('never settles an orphan silently: settling and rewinding at once have one winner', async () => {
  const { db, database, port } = world;
  await database.owner.query("update assets set final = '1' where code = 'ETH'");
  for (let round = 0; round < 5; round++) {
    const { id } = await world.withdraw('ETH', '0.02');
    await world.sign(id);
    await world.send(id);
    await world.follow();
    await observeWithdrawal(db, id, 600);
    const inclusion = await world.value<string>('select max(id)::text from attempt_inclusions');
    const height = await world.node.height();
    const [settled] = await Promise.all([
      settleChainWithdrawal(db, inclusion),
      db.query('select chain_rewind($1, $2, $3)', [port.chain, 'test', height - 1]),
    ]);
    const halts = 'select count(*)::integer from chain_halts where until is null';
    expect(await world.value(halts)).toBe(settled.outcome === 'done' ? 1 : 0);
    const facts = (await eventsOf(id)).includes('chain.orphaned_after_end');
    expect(facts).toBe(settled.outcome === 'done');
    await database.owner.query('update chain_halts set until = now()');
    await world.follow();
    expect((await world.look(id)).status).toBe('SETTLED');
  }
  await database.owner.query("update assets set final = null where code = 'ETH'");
  await world.expectReconciled();
});

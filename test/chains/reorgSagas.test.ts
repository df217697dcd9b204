/** A credit that lost its block, from the watcher through its saga to the sagas of its holds. */
import { beforeAll, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { chainDepositId } from '../../src/contracts/ids.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { readWallet } from '../../src/ledger/wallets.ts';
import { createLog } from '../../src/observability/log.ts';
import { deliverTasks } from '../../src/watchers/deliver.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import type { SagaStatus } from '../../workflows/acts.ts';
import { log, XPUB } from './chainWorld.ts';
import { SHOP } from './payWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

const ETH = 10n ** 18n;
let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(60);
});

/** A deposit of five ETH, credited at one confirmation. */
async function credited(wallet: string) {
  await world.database.owner.query("update assets set confirmations = 1 where code = 'ETH'");
  const address = await world.wallet(wallet, 'ETH');
  const { txid, raw } = await world.node.send({ to: address, wei: 5n * ETH });
  const groupId = chainDepositId(world.port.chain, txid, 'native', 1);
  await world.groupWhen(groupId, (group) => group?.status === 'SETTLED');
  return { txid, raw, groupId, reversalId: groupId.replace('deposit:', 'reversal:') };
}

it('a reorganisation takes a credit back, ends the holds and their sagas, and tells', async () => {
  const watcher = await world.watch();
  const { txid, raw, reversalId } = await credited('alice');
  await world.wallet('bob', 'ETH');
  const hold = {
    groupId: 'transfer:shop:hold',
    stepKey: 'create:shop:hold',
    actor: SHOP,
    client: 'shop',
    legs: [
      { wallet: 'alice', type: 'DEBIT' as const, amount: '2' },
      { wallet: 'bob', type: 'CREDIT' as const, amount: '2' },
    ],
    settle: 'manual' as const,
    expiresIn: 86_400,
    reference: null,
    metadata: {},
    acceptBy: null,
  };
  const gone = { ...hold, groupId: 'transfer:shop:gone', stepKey: 'create:shop:gone' };
  for (const each of [gone, hold]) await world.sagas.gateway.start('transfer', each, 10_000);
  // Nobody is left to be told of that one.
  await world.sagas.client.workflow.getHandle(gone.groupId).terminate();
  await world.node.reorg(1);
  const reversal = await world.groupWhen(reversalId, (group) => group !== null);
  expect(reversal).toMatchObject({ status: 'SETTLED', metadata: { taken: '5', shortfall: '0' } });
  const holder = world.sagas.client.workflow.getHandle(hold.groupId);
  expect(await holder.result()).toMatchObject({
    status: 'RELEASED',
    reason: 'ORPHANED_AFTER_CREDIT',
  });
  const handle = world.sagas.client.workflow.getHandle(reversalId);
  expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
  const { next } = await handle.query<SagaStatus>('status');
  expect(next).toContain('5 came back from `alice`');
  expect((await readWallet(world.db, 'alice'))?.status).toBe('FROZEN');

  await world.node.resend(raw);
  const again = chainDepositId(world.port.chain, txid, 'native', 2);
  await world.groupWhen(again, (group) => group?.status === 'SETTLED');
  expect(await world.balance('alice')).toMatchObject({ available: '5', held: '0' });
  expect(await audit(world.db)).toMatchObject({ ok: true });
  await watcher.stop();
});

it('a watcher that died between rewind and reversal leaves it to the next one', async () => {
  const first = await world.watch();
  const { reversalId } = await credited('carol');
  await first.stop();
  await world.node.reorg(1);
  // It goes back, reads the new branch, and is gone before anything is delivered.
  const { db, port } = world;
  const watch = { chain: port.chain, holder: 'dead' };
  const follow = createFollower({ db, port, watch, startHeight: null, log });
  while ((await follow()).turn === 'behind');
  expect(await world.balance('carol')).toMatchObject({ available: '5' });
  await db.query('update chains set leased_until = now()');
  const lines: string[] = [];
  const told = createLog('error', { write: (line) => lines.push(line) });
  await deliverTasks({ db, client: world.sagas.client, log: told }, port.chain);
  expect(lines.join('')).toContain('"alert":"CREDIT_ORPHANED"');
  const second = await world.watch('second');
  await world.groupWhen(reversalId, (group) => group?.status === 'SETTLED');
  expect(await world.balance('carol')).toMatchObject({ available: '0' });
  const open = 'select count(*)::integer from chain_tasks where done_at is null';
  await expect.poll(() => world.value(open), { timeout: 10_000 }).toBe(0);
  expect(await audit(world.db)).toMatchObject({ ok: true });
  await second.stop();
});

it('a confirmed withdrawal whose block is dropped goes out again by itself', async () => {
  await world.database.owner.query("update assets set confirmations = 2 where code = 'ETH'");
  const watcher = await world.watch();
  const input = await world.prepare('ETH', '1');
  await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
  const state = (want: string) =>
    world.groupWhen(input.groupId, (group) => group?.withdrawal?.state === want);
  await state('in_block');
  await world.node.mine();
  const confirmed = await state('confirmed');
  const txids = confirmed.withdrawal?.attempts.map(({ txid }) => txid);
  await world.node.reorg(2);
  await state('in_block');
  await world.node.mine(3);
  const settled = await state('settled');
  expect(settled.withdrawal?.attempts.map(({ txid }) => txid)).toEqual(txids);
  expect(await audit(world.db)).toMatchObject({ ok: true });
  await watcher.stop();
});

it('a settled payment that lost its block goes out again once the chain may go on', async () => {
  await world.database.owner.query("update assets set final = '1' where code = 'ETH'");
  const watcher = await world.watch();
  const input = await world.prepare('ETH', '1');
  await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
  const settled = await world.groupWhen(input.groupId, (group) => group?.status === 'SETTLED');
  await world.node.reorg(1);
  const isHalted = () => world.value<boolean>('select chain_is_halted($1)', world.port.chain);
  await expect.poll(isHalted, { timeout: 10_000 }).toBe(true);
  const from = await world.value<number>('select cursor_height::integer from chains');
  const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
  await door.rescan({
    chain: world.port.chain,
    at: { from, to: null },
    requestedBy: 'ann',
    reason: 'the rule for ETH was too low',
    liftHalts: true,
  });
  const [attempt] = settled.withdrawal?.attempts ?? [];
  const status = async () => (await world.port.transactionStatus(attempt?.txid ?? '')).state;
  await expect.poll(status, { timeout: 10_000 }).toBe('included');
  const events = async () =>
    (await readTimeline(world.db, input.groupId)).map(({ event }) => event);
  await expect.poll(events, { timeout: 10_000 }).toContain('chain.included_again');
  await watcher.stop();
});

/** From a block to a workflow and back: the watcher, Temporal and the ledger together. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { chainDepositId } from '../../src/contracts/ids.ts';
import { SIGNAL } from '../../src/contracts/sagas.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { depositXpub } from '../../src/withdrawals/developmentKeys.ts';
import type { SagaStatus } from '../../workflows/acts.ts';
import { log } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

const ETH = 10n ** 18n;
let world: SagaWorld;

const depositId = (txid: string, no = 1) => chainDepositId(world.port.chain, txid, 'native', no);

beforeAll(async () => {
  world = await createSagaWorld(2);
});

beforeEach(async () => {
  await world.node.automine(true);
});

describe('tasks', () => {
  it('are delivered after a restart when the process died between block and dispatch', async () => {
    const address = await world.wallet('crash', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.node.mine(3);
    // A watcher that wrote the blocks and died: nobody was told.
    const watch = { chain: world.port.chain, holder: 'dead' };
    const { db, port } = world;
    await createFollower({ db, port, watch, startHeight: null, log })();
    await db.query('update chains set leased_until = now()');
    const open =
      'select count(*)::integer from chain_tasks where done_at is null and group_id = $1';
    expect(await world.value(open, depositId(txid))).toBe(2);

    const watcher = await world.watch();
    await world.groupWhen(depositId(txid), (group) => group?.status === 'SETTLED');
    expect(await world.balance('crash')).toMatchObject({ available: '1', pendingIn: '0' });
    await expect.poll(() => world.value(open, depositId(txid)), { timeout: 10_000 }).toBe(0);
    await watcher.stop();
  });

  it('start a saga again that was terminated before it opened its group', async () => {
    const address = await world.wallet('terminated', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    const groupId = depositId(txid);
    // A run of that id that did nothing and ended.
    await world.sagas.client.workflow.start('chainDeposit', {
      workflowId: groupId,
      taskQueue: 'nobody-works-here',
      args: [{ groupId, inclusionId: '0' }],
    });
    await world.sagas.client.workflow.getHandle(groupId).terminate();
    const watcher = await world.watch();
    await world.node.mine(3);
    await world.groupWhen(groupId, (group) => group?.status === 'SETTLED');
    await watcher.stop();
  });
});

describe('with a watcher', () => {
  beforeAll(async () => {
    await world.watch('first');
    // A second one stands by: it takes over when the first is gone, and does nothing till then.
    await world.watch('second');
  });

  it('a deposit is pending, then available at n, and the operators read why', async () => {
    const address = await world.wallet('alice', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: 2n * ETH });
    const pending = await world.groupWhen(depositId(txid), (group) => group !== null);
    expect(pending).toMatchObject({ status: 'IN_PROGRESS', kind: 'deposit' });
    const handle = world.sagas.client.workflow.getHandle(depositId(txid));
    const next = async () => (await handle.query<SagaStatus>('status')).next;
    await expect.poll(next, { timeout: 10_000 }).toMatch(/needs 3 confirmations/);
    expect(await next()).toContain(txid);
    await world.node.mine(2);
    const settled = await world.groupWhen(depositId(txid), (group) => group?.status === 'SETTLED');
    expect(settled.legs.map(({ settled: amount }) => amount)).toEqual(['2', '2']);
    expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
    const { typedSearchAttributes, staticSummary } = await handle.describe();
    expect(await staticSummary()).toBe(`Deposit of 2 ETH to alice, seen on ${address}`);
    expect(typedSearchAttributes.getAll()).toContainEqual(
      expect.objectContaining({ value: ['alice'] }),
    );
    // One look at the chain, which credits, and no change of what the start said but the end.
    const events = (await handle.fetchHistory()).events ?? [];
    expect(events.filter((each) => each.activityTaskScheduledEventAttributes)).toHaveLength(1);
    const told = events.filter((each) => each.upsertWorkflowSearchAttributesEventAttributes);
    expect(told).toHaveLength(1);
  });

  it('hints that are early, doubled or false change nothing', async () => {
    const address = await world.wallet('hints', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.groupWhen(depositId(txid), (group) => group !== null);
    const handle = world.sagas.client.workflow.getHandle(depositId(txid));
    for (let each = 0; each < 5; each++) await handle.signal(SIGNAL.chainChanged);
    await handle.signal(SIGNAL.settle, 'please');
    await world.node.mine();
    await handle.signal(SIGNAL.chainChanged);
    const refused = async () => {
      const { lastRefusal } = await handle.query<SagaStatus>('status');
      return lastRefusal?.refusal.code;
    };
    await expect.poll(refused, { timeout: 10_000 }).toBe('CHAIN_DECIDES');
    expect(await world.balance('hints')).toMatchObject({ available: '0', pendingIn: '1' });
    await world.node.mine();
    await world.groupWhen(depositId(txid), (group) => group?.status === 'SETTLED');
    const rows = 'select count(*)::integer from ledger_entries where group_id = $1';
    expect(await world.value(rows, depositId(txid))).toBe(4);
  });

  it('an orphaned deposit is cancelled, its next inclusion is credited once', async () => {
    const address = await world.wallet('orphan', 'ETH');
    const { txid, raw } = await world.node.send({ to: address, wei: ETH });
    await world.node.mine();
    await world.groupWhen(depositId(txid), (group) => group !== null);
    await world.node.reorg(2);
    const cancelled = await world.groupWhen(depositId(txid), (group) => group?.reason !== null);
    expect(cancelled).toMatchObject({ status: 'CANCELLED', reason: 'ORPHANED' });
    await world.node.resend(raw);
    await world.node.mine(2);
    await world.groupWhen(depositId(txid, 2), (group) => group?.status === 'SETTLED');
    expect(await world.balance('orphan')).toMatchObject({ available: '1', pendingIn: '0' });
  });

  it('cancelling the workflow of a deposit does not cancel the deposit', async () => {
    const address = await world.wallet('stubborn', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.groupWhen(depositId(txid), (group) => group !== null);
    await world.sagas.client.workflow.getHandle(depositId(txid)).cancel();
    await world.node.mine(2);
    await world.groupWhen(depositId(txid), (group) => group?.status === 'SETTLED');
  });

  it('a withdrawal runs from held to settled by itself', async () => {
    const input = await world.prepare('USDX', '3.5');
    const opened = await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
    expect(opened).toMatchObject({ outcome: 'done', group: { withdrawal: { state: 'held' } } });
    const state = (want: string) =>
      world.groupWhen(input.groupId, (group) => group?.withdrawal?.state === want);
    await state('in_block');
    const release = { groupId: input.groupId, stepKey: 'release:shop:1', actor: input.actor };
    const refused = await world.sagas.gateway.act(
      'releaseWithdrawal',
      { ...release, reason: 'changed my mind', amount: null, final: true },
      10_000,
    );
    expect(refused).toMatchObject({ refusal: { code: 'MAY_BE_ON_CHAIN' } });
    // Asked for too late: the payment goes on.
    await world.sagas.client.workflow.getHandle(input.groupId).cancel();
    await world.node.mine(2);
    const settled = await state('settled');
    expect(settled).toMatchObject({ status: 'SETTLED' });
    expect(settled.withdrawal?.attempts).toHaveLength(1);
    expect(await world.balance(input.wallet)).toMatchObject({ settled: '0', held: '0' });
  });

  it('a withdrawal that no block takes is stuck, still held, and settles in the end', async () => {
    await world.node.automine(false);
    const input = await world.prepare('ETH', '0.5');
    await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
    const stuck = await world.groupWhen(
      input.groupId,
      (group) => group?.withdrawal?.state === 'stuck',
    );
    expect(stuck.status).toBe('IN_PROGRESS');
    expect(await world.balance(input.wallet)).toMatchObject({ held: '0.5' });
    await world.node.mine(3);
    await world.groupWhen(input.groupId, (group) => group?.status === 'SETTLED');
  });

  it('a withdrawal without funds for it waits, and its deadline gives it back', async () => {
    const input = await world.prepare('ETH', '15000', { expiresIn: 2 });
    await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
    await world.groupWhen(input.groupId, (group) => group?.withdrawal?.state === 'awaiting_funds');
    const ended = await world.groupWhen(input.groupId, (group) => group?.status === 'CANCELLED');
    expect(ended.reason).toBe('EXPIRED');
    expect(await world.balance(input.wallet)).toMatchObject({ available: '15000', held: '0' });
  });

  it('a withdrawal that waits for funds is given back when its workflow is cancelled', async () => {
    const input = await world.prepare('ETH', '15000');
    await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
    await world.groupWhen(input.groupId, (group) => group?.withdrawal?.state === 'awaiting_funds');
    await world.sagas.client.workflow.getHandle(input.groupId).cancel();
    const ended = await world.groupWhen(input.groupId, (group) => group?.status === 'RELEASED');
    expect(ended.withdrawal?.attempts).toEqual([]);
  });

  it('a saga that was lost goes on with the same payment', async () => {
    await world.node.automine(false);
    const input = await world.prepare('ETH', '0.7');
    await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
    const sent = await world.groupWhen(
      input.groupId,
      (group) => group?.withdrawal?.state === 'broadcast',
    );
    await world.sagas.client.workflow.getHandle(input.groupId).terminate();
    await world.node.mine(3);
    // The watcher's next hint finds no saga and brings it back.
    const settled = await world.groupWhen(input.groupId, (group) => group?.status === 'SETTLED');
    expect(settled.withdrawal?.attempts.map(({ txid }) => txid)).toEqual(
      sent.withdrawal?.attempts.map(({ txid }) => txid),
    );
  });

  it('tells the API how the chain is, and what a transaction became', async () => {
    const door = createChainDoor({ db: world.db, chain: world.chain, xpub: depositXpub(MNEMONIC) });
    const address = await world.wallet('door', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    const unseen = { asset: 'ETH', txid: `0x${'0'.repeat(64)}` };
    expect(await door.depositGroups(unseen)).toEqual({ ids: [], mayCome: false });
    await world.groupWhen(depositId(txid), (group) => group !== null);
    expect(await door.depositGroups({ asset: 'ETH', txid })).toEqual({
      ids: [depositId(txid)],
      mayCome: false,
    });
    expect(await door.missing()).toBeNull();
    expect(await door.blindSpots()).toEqual([]);
    const [chain] = await door.chains();
    expect(chain).toMatchObject({ chain: 'eip155:31337', lag: 0, halts: [] });
    expect(chain?.reorgs).toBeGreaterThan(0);
    const metrics = await world.metrics.registry.metrics();
    expect(metrics).toMatch(/holdfast_chain_lag_blocks\{chain="eip155:31337"\} 0/);
    await world.node.mine(4);
    await world.groupWhen(depositId(txid), (group) => group?.status === 'SETTLED');
    await expect
      .poll(async () => (await door.reconciliation()).map(({ drift }) => drift), {
        timeout: 10_000,
      })
      .toEqual(['0', '0']);
  });
});

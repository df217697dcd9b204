/** Batches by themselves: withdrawals meet, one transaction pays them, each saga ends its own. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createBatcher } from '../../src/withdrawals/batch.ts';
import type { SagaStatus } from '../../workflows/acts.ts';
import { PAYOUT, payee } from './batchWorld.ts';
import { log } from './chainWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

const BATCHES = { contract: PAYOUT, waitSeconds: 2, size: 3 };
let world: SagaWorld;
let payees = 400;

beforeAll(async () => {
  world = await createSagaWorld(600, { batches: BATCHES }, { payout: true });
  const { db, chain } = world;
  await world.deps.signer();
  const batcher = () =>
    createBatcher({ db, chain, log, batches: BATCHES, feeCap: null, inFlight: 100 });
  // Two processes: the one without the lease stands by.
  await world.watch('first', undefined, batcher());
  await world.watch('second', undefined, batcher());
});

beforeEach(async () => {
  await world.node.automine(true);
});

async function withdraw(count: number) {
  const inputs = [];
  for (let each = 0; each < count; each++) {
    const destination = payee(payees++);
    await world.node.markUsed(destination);
    inputs.push(await world.prepare('ETH', '0.01', { destination }));
  }
  await Promise.all(
    inputs.map((input) => world.sagas.gateway.start('chainWithdrawal', input, 20_000)),
  );
  return inputs.map((input) => input.groupId);
}

async function batchOf(id: string): Promise<string> {
  await world.groupWhen(id, (group) => group?.withdrawal?.state !== 'held');
  return world.value<string>('select batch_group_id from batch_members where group_id = $1', id);
}

const saga = (id: string) => world.sagas.client.workflow.getHandle(id);

async function mineUntilEnded(id: string) {
  for (let blocks = 0; blocks < 20; blocks++) {
    await world.node.mine();
    const { status } = await world.groupWhen(id, (group) => group !== null);
    if (status !== 'IN_PROGRESS') break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return world.groupWhen(id, (group) => group?.status !== 'IN_PROGRESS');
}

it('pays those that meet by one transaction, and ends every saga at its finality', async () => {
  await world.node.automine(false);
  const ids = await withdraw(3);
  const [first = ''] = ids;
  const batch = await batchOf(first);
  await world.groupWhen(batch, (group) => group?.withdrawal?.state === 'broadcast');
  // The saga learns a moment later what its activity has written.
  const next = async () => (await saga(batch).query<SagaStatus>('status')).next;
  await expect
    .poll(next, { timeout: 10_000 })
    .toBe(`0.03 ETH for 3 withdrawals, through \`${PAYOUT}\`. Sent. Waits for a block.`);
  await world.node.automine(true);
  expect(await mineUntilEnded(batch)).toMatchObject({ status: 'SETTLED', kind: 'batch' });
  for (const id of [batch, ...ids]) {
    expect(await saga(id).result()).toMatchObject({ groupId: id, status: 'SETTLED' });
  }
  const sent = 'select count(distinct txid)::integer from withdrawal_attempts';
  expect(await world.value(sent)).toBe(1);
  await world.expectReconciled();
});

it('lets each go on alone when the batch has failed for good', async () => {
  await world.node.automine(false);
  const ids = await withdraw(2);
  const [first = '', second = ''] = ids;
  const batch = await batchOf(first);
  await world.groupWhen(batch, (group) => group?.withdrawal?.state === 'broadcast');
  const to = (await world.groupWhen(second, () => true)).withdrawal?.destination ?? '';
  await world.node.rpc('anvil_setCode', to, '0x60006000fd');
  await world.node.mine();
  await world.groupWhen(first, (group) => group?.withdrawal?.state === 'reverted');
  await world.node.rpc('anvil_setCode', to, '0x');
  await world.node.automine(true);
  expect(await mineUntilEnded(batch)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  for (const id of ids) {
    expect(await mineUntilEnded(id)).toMatchObject({
      status: 'SETTLED',
      withdrawal: { attempts: [{ outcome: 'reverted' }, { outcome: 'in_block' }] },
    });
    expect(await saga(id).result()).toMatchObject({ status: 'SETTLED' });
  }
  await world.expectReconciled();
});

it('goes on with the same batch when its saga and a member’s were ended by force', async () => {
  await world.node.automine(false);
  const ids = await withdraw(2);
  const batch = await batchOf(ids[0] ?? '');
  await world.groupWhen(batch, (group) => group?.withdrawal?.state === 'broadcast');
  await saga(batch).terminate();
  await saga(ids[0] ?? '').terminate();
  await world.node.automine(true);
  const ended = await mineUntilEnded(batch);
  expect(ended).toMatchObject({ status: 'SETTLED' });
  expect(ended.withdrawal?.attempts).toHaveLength(1);
  for (const id of ids) expect((await mineUntilEnded(id)).status).toBe('SETTLED');
  await world.expectReconciled();
});

it('does not wait for others for ever', async () => {
  const [id = ''] = await withdraw(1);
  await world.groupWhen(id, (group) => group?.withdrawal?.state === 'in_block');
  expect(await mineUntilEnded(id)).toMatchObject({ status: 'SETTLED' });
  expect(await world.value('select count(*)::integer from batch_waits')).toBe(0);
  await world.expectReconciled();
});

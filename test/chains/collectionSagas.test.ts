/** Collections by themselves: the watcher opens them, sagas pay them, nobody asks twice. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createCollector } from '../../src/collection/collect.ts';
import { putTreasuryRule } from '../../src/ledger/treasuryRules.ts';
import type { SagaStatus } from '../../workflows/acts.ts';
import { HOT, log } from './chainWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

const ETH = 10n ** 18n;
/** Pause between two looks for what is due, in milliseconds. */
const EVERY_MS = 200;
let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(600);
  const { db, chain } = world;
  // As a worker does when it begins: it writes down which wallet pays.
  await world.deps.signer();
  const collector = () => createCollector({ db, chain, log, feeCap: null }, EVERY_MS);
  // Two processes: the one without the lease stands by.
  await world.watch('first', collector());
  await world.watch('second', collector());
});

beforeEach(async () => {
  await world.node.automine(true);
});

const setRule = (asset: string, min: string) =>
  world.db.query(
    `insert into treasury_rules (asset, min_amount, max_fee) values ($1, $2, 0.01)
     on conflict (asset) do update set min_amount = excluded.min_amount`,
    [asset, min],
  );

/** Blocks until the group has ended. */
async function mineUntilEnded(id: string) {
  for (let blocks = 0; blocks < 20; blocks++) {
    await world.node.mine();
    const { status } = await world.groupWhen(id, (group) => group !== null);
    if (status !== 'IN_PROGRESS') break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return world.groupWhen(id, (group) => group?.status !== 'IN_PROGRESS');
}

it('collects a deposit once it is final, and the operators read from where to where', async () => {
  const address = await world.wallet('alice', 'ETH');
  await setRule('ETH', '1');
  await world.node.send({ to: address, wei: 2n * ETH });
  await world.node.mine(4);
  const id = `collection:chain:${world.port.chain}:${address}:ETH:1`;
  await world.groupWhen(id, (group) => group?.withdrawal?.state === 'in_block');
  const handle = world.sagas.client.workflow.getHandle(id);
  const { next } = await handle.query<SagaStatus>('status');
  expect(next.toLowerCase()).toContain(`from \`${address}\` to \`${HOT}\``);
  expect(await mineUntilEnded(id)).toMatchObject({ status: 'SETTLED', kind: 'collection' });
  expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
  expect(await world.balance('alice')).toMatchObject({ available: '2' });
  await world.expectReconciled();
});

it('sends gas to a token first, then collects it', async () => {
  const address = await world.wallet('bob', 'USDX');
  await setRule('USDX', '5');
  await world.giveStranger(9_000_000n);
  await world.node.sendToken(world.usdx, address, 9_000_000n);
  await world.node.mine(4);
  const topUp = `collection:top-up:${world.port.chain}:${address}:ETH:1`;
  await world.groupWhen(topUp, (group) => group !== null);
  expect(await mineUntilEnded(topUp)).toMatchObject({ status: 'SETTLED' });
  const id = `collection:chain:${world.port.chain}:${address}:USDX:1`;
  await world.groupWhen(id, (group) => group !== null);
  expect(await mineUntilEnded(id)).toMatchObject({ status: 'SETTLED' });
  expect(await world.port.balanceOf(address, world.usdx, await world.node.height())).toBe(0n);
  expect(await world.balance('bob')).toMatchObject({ available: '9' });
  await world.expectReconciled();
});

it('goes on with the same payment when its saga was ended by force', async () => {
  const address = await world.wallet('lost', 'ETH');
  await world.node.send({ to: address, wei: 2n * ETH });
  await world.node.automine(false);
  await world.node.mine(4);
  const id = `collection:chain:${world.port.chain}:${address}:ETH:1`;
  await world.groupWhen(id, (group) => group?.withdrawal?.state === 'broadcast');
  await world.sagas.client.workflow.getHandle(id).terminate();
  await world.node.automine(true);
  const ended = await mineUntilEnded(id);
  expect(ended).toMatchObject({ status: 'SETTLED' });
  expect(ended.withdrawal?.attempts).toHaveLength(1);
  await world.expectReconciled();
});

it('sweeps to the cold address by a saga that nobody started', async () => {
  const cold = '0xCA35b7d915458EF540aDe6068dFe2F44E8fa733c';
  const rule = { asset: 'ETH', minAmount: '1', maxFee: '0.01', lowWater: null };
  await putTreasuryRule(world.db, { ...rule, highWater: '5000', coldAddress: cold });
  const id = 'withdrawal:chain:cold:ETH:1';
  await world.groupWhen(id, (group) => group?.withdrawal?.state === 'in_block');
  expect(await mineUntilEnded(id)).toMatchObject({ status: 'SETTLED', kind: 'withdrawal' });
  const handle = world.sagas.client.workflow.getHandle(id);
  expect((await handle.describe()).type).toBe('chainWithdrawal');
  expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
  await world.expectReconciled();
});

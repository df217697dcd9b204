/** Temporal forgets a workflow some days after its end; the books never do. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { onApi } from './apiDriver.ts';
import type { Result } from './driver.ts';
import { available, createWallets, done, fund, move, parts, rows, tell } from './story.ts';

const on = onApi();

test('a key whose workflow is gone gets its first answer, and nothing runs', async () => {
  const asset = await on.createAsset();
  const [wallet, other] = [await on.createWallet({ asset }), await on.createWallet({ asset })];
  await fund(on, asset, wallet, '30');
  const asks: ((key: string) => Promise<Result>)[] = [
    (key) => on.transfer(move(wallet, other, '10'), { key }),
    (key) => on.transfer(move(wallet, other, '1000'), { key }),
    (key) => on.hold(move(wallet, other, '5'), { key }),
  ];
  const keys = asks.map(() => randomUUID());
  const first: Result[] = [];
  for (const [at, ask] of asks.entries()) first.push(await ask(keys[at]!));
  expect(first.map(({ outcome }) => outcome)).toEqual(['done', 'INSUFFICIENT_FUNDS', 'done']);
  await on.forgetWorkflows();
  await fund(on, asset, wallet, '2000');
  for (const [at, ask] of asks.entries()) {
    expect(await ask(keys[at]!)).toEqual({ ...first[at], replayed: true });
    await expectNoWorkflow(`transfer:shop:${keys[at]}`);
  }
  expect(await available(on, other)).toEqual(['10']);
  expect(await parts(on, wallet)).toEqual(['2015', '0', '5']);
});

test('an act on a finished group whose workflow is gone is answered from the books', async () => {
  const [wallet, other] = await createWallets(on, ['30', '0']);
  const { id } = done(await on.hold(move(wallet, other, '10')));
  const key = randomUUID();
  const first = await on.settle(id, { key });
  await on.forgetWorkflows();
  expect(await on.settle(id, { key })).toEqual({ ...first, replayed: true });
  expect((await on.cancel(id, 'too late')).outcome).toBe('GROUP_NOT_OPEN');
  expect(await rows(on, id)).toHaveLength(4);
  await expectNoWorkflow(id);
});

test('an act on an open group whose workflow is gone brings the workflow back', async () => {
  const [wallet, other] = await createWallets(on, ['30', '0']);
  const { id } = done(await on.hold(move(wallet, other, '10')));
  await on.forgetWorkflows();
  done(await on.settle(id, { legs: [1, 2].map((leg) => ({ leg, amount: '4' })), final: false }));
  expect((await on.temporal.workflow.getHandle(id).describe()).status.name).toBe('RUNNING');
  done(await on.cancel(id, 'the rest is not wanted'));
  expect(await on.temporal.workflow.getHandle(id).result()).toMatchObject({ status: 'CANCELLED' });
  expect(await parts(on, wallet)).toEqual(['26', '0', '0']);
});

tell({}, on);

async function expectNoWorkflow(id: string): Promise<void> {
  const described = on.temporal.workflow.getHandle(id).describe();
  await expect(described).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
}

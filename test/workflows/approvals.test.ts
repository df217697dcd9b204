/** How a saga learns of an approval that the API wrote: by a hint, and without one. */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { expect, it, onTestFinished } from 'vitest';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { timeSkippingServerPath } from '../support/testServers.ts';
import { withdrawalInput } from './inputs.ts';
import { createWorld, doneGroup, WAIT_MS, type World, wallet } from './world.ts';

const DAY_SECONDS = 86_400;

/** A world on the time-skipping server, with a withdrawal that waits for one approval. */
async function waiting(changes: object = {}) {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await timeSkippingServerPath() } },
  });
  onTestFinished(() => environment.teardown());
  const { address } = environment;
  const world = await createWorld({ address, namespace: 'default' }, onTestFinished);
  const every = { asset: 'USD', owner: null, walletKind: null, from: '0', approvals: 1 };
  await putApprovalRule(world.db, { id: 'usd', ...every });
  const input = withdrawalInput('waits', await wallet(world, '60'), changes);
  doneGroup(await world.sagas.gateway.start('withdrawal', input, WAIT_MS));
  return { world, id: input.groupId, skip: environment.sleep };
}

const nextOf = async ({ sagas }: World, id: string) =>
  (await sagas.client.workflow.getHandle(id).query<{ next: string }>('status')).next;

const yes = (world: World, groupId: string) =>
  approve(world.db, {
    groupId,
    stepKey: 'approve:ann:1',
    actor: { name: 'ann', admin: false },
    reason: 'seen',
  });

it('a hint that was lost is made good within a quarter of an hour', async () => {
  const { world, id, skip } = await waiting();
  await skip('6 hours');
  expect(await nextOf(world, id)).toContain('none yet');
  expect((await yes(world, id)).outcome).toBe('done');
  await skip('16 minutes');
  expect(await nextOf(world, id)).toContain('payment outside');
});

it('a look costs little: a withdrawal that waits for a day looks a hundred times', async () => {
  const { world, id, skip } = await waiting({ expiresIn: 2 * DAY_SECONDS });
  const looks = () => world.db.queries.filter((name) => name === 'read_group').length;
  const before = looks();
  await skip('24 hours');
  expect(looks() - before).toBeGreaterThan(90);
  expect(looks() - before).toBeLessThan(110);
  // Then its deadline comes, by the database's clock too.
  const end = 'update transfer_groups set expires_at = clock_timestamp() where id = $1';
  await world.database.owner.query(end, [id]);
  await skip('25 hours');
  const handle = world.sagas.client.workflow.getHandle(id);
  expect(await handle.result()).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
});

it('one that is cancelled is given back, and waits no longer', async () => {
  const { world, id } = await waiting();
  const handle = world.sagas.client.workflow.getHandle(id);
  await handle.cancel();
  const reason = 'WORKFLOW_CANCELLED';
  expect(await handle.result()).toMatchObject({ status: 'RELEASED', reason });
});

it('an approval stands although Temporal is away when it is told', async () => {
  const { world, id } = await waiting();
  expect((await yes(world, id)).outcome).toBe('done');
  const { gateway } = world.sagas;
  await world.sagas.stop();
  await expect(gateway.wake(id)).resolves.toBeUndefined();
});

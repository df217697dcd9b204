import { TestWorkflowEnvironment } from '@temporalio/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { timeSkippingServerPath } from '../support/testServers.ts';
import { actInput, holdInput } from './inputs.ts';
import { balanceOf, createWorld, doneGroup, groupOf, WAIT_MS, wallet } from './world.ts';

const DAY_SECONDS = 86_400;

/**
 * A hold on the time-skipping server, where workflow time leaps and the database's clock does not.
 * So the two can be told apart: the timer wakes the saga, the database decides whether it is time.
 */
async function heldFor(days: number) {
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: await timeSkippingServerPath() } },
  });
  onTestFinished(() => environment.teardown());
  const { address } = environment;
  const world = await createWorld({ address, namespace: 'default' }, onTestFinished);
  const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
  const input = holdInput('held', from, to, '10', { expiresIn: days * DAY_SECONDS });
  doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
  const id = input.groupId;
  return {
    world,
    from,
    id,
    handle: world.sagas.client.workflow.getHandle(id),
    skip: environment.sleep,
    /** How often the ledger was asked whether it is time. */
    expiries: () => world.db.queries.filter((name) => name === 'ledger_expire').length,
    /** Lets the database's clock reach the deadline. */
    passDeadline: () =>
      world.database.owner.query(
        `update transfer_groups set expires_at = clock_timestamp() where id = $1`,
        [id],
      ),
  };
}

describe('the deadline of a manual transfer', () => {
  it('wakes the saga after 90 days and not before, and gives the hold back', async () => {
    const { world, from, handle, skip, expiries, passDeadline } = await heldFor(90);
    await skip('89 days');
    expect(expiries()).toBe(0);
    await passDeadline();
    await skip('2 days');
    expect(await handle.result()).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
    expect((await balanceOf(world, from)).available).toBe('10');
  });

  it('is not reached while the database says that it is not time', async () => {
    const { world, from, id, handle, skip, expiries, passDeadline } = await heldFor(1);
    await skip('34 hours');
    expect((await groupOf(world, id)).status).toBe('IN_PROGRESS');
    expect((await balanceOf(world, from)).held).toBe('10');
    // Ten hours too early: asked a dozen times within the first hour, then once an hour.
    expect(expiries()).toBeGreaterThan(15);
    expect(expiries()).toBeLessThan(25);
    await passDeadline();
    await skip('1 hour');
    expect(await handle.result()).toMatchObject({ reason: 'EXPIRED' });
  });

  it('moves when it is extended', async () => {
    const { world, id, handle, skip, expiries, passDeadline } = await heldFor(1);
    const extend = actInput<'extend'>('extend', id, '1', { expiresIn: 10 * DAY_SECONDS });
    doneGroup(await world.sagas.gateway.act('extend', extend, WAIT_MS));
    await skip('9 days');
    expect(expiries()).toBe(0);
    await passDeadline();
    await skip('2 days');
    expect(await handle.result()).toMatchObject({ reason: 'EXPIRED' });
  });

  it('wakes the saga where it is moved to, also to an earlier day', async () => {
    const { world, id, handle, skip, expiries, passDeadline } = await heldFor(90);
    const extend = actInput<'extend'>('extend', id, '1', { expiresIn: DAY_SECONDS });
    doneGroup(await world.sagas.gateway.act('extend', extend, WAIT_MS));
    await passDeadline();
    await skip('2 days');
    await expect.poll(expiries, { timeout: WAIT_MS }).toBeGreaterThan(0);
    expect(await handle.result()).toMatchObject({ reason: 'EXPIRED' });
  });
});

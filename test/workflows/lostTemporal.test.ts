import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { RECONCILE_SCHEDULE_ID } from '../../src/contracts/sagas.ts';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { createLog } from '../../src/observability/log.ts';
import { registerNamespace } from '../support/namespace.ts';
import { holdInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, groupOf, WAIT_MS, wallet } from './world.ts';

const NAMESPACE = 'lost';
/** Workers ask a server that was away ever more rarely whether it is back. */
const BACK_WITHIN_MS = 60_000;

/** A server that knows a namespace and nothing else. */
async function emptyServer(port?: number) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-log-'));
  const server = await startTemporal({
    dbFile: null,
    logFile: join(folder, 'server.log'),
    removeAfter: folder,
    uiPort: null,
    ...(port !== undefined && { port }),
    say: () => {},
  });
  onTestFinished(() => server.stop());
  await registerNamespace(server.address, NAMESPACE);
  return server;
}

it('a Temporal that lost all it had gets its sweeper back, and with it the sagas', {
  timeout: 2 * BACK_WITHIN_MS,
}, async () => {
  const before = await emptyServer();
  const { address } = before;
  const told: string[] = [];
  const log = createLog('warn', { write: (line: string) => told.push(JSON.parse(line).msg) });
  const upkeep = { sweeper: true, upkeepMs: 200, log };
  const options = { address, namespace: NAMESPACE, buildId: 'one', ...upkeep };
  const world = await createWorld(options, onTestFinished);
  const wallets: [string, string] = [await wallet(world, '10'), await wallet(world, '0')];
  const { gateway, client } = world.sagas;
  const open = holdInput('lost', ...wallets, '1', { expiresIn: 2 });
  doneGroup(await gateway.start('transfer', open, WAIT_MS));
  await before.stop();
  await world.database.owner.query(
    `update transfer_groups set created_at = created_at - interval '2 minutes'
       where status = 'IN_PROGRESS'`,
  );
  await emptyServer(Number(address.split(':')[1]));

  const schedule = client.schedule.getHandle('holdfast-repair');
  await eventually(
    () => schedule.trigger().catch((error: Error) => error),
    (refused) => !refused,
    BACK_WITHIN_MS,
  );
  const { status, reason } = await eventually(
    () => groupOf(world, open.groupId),
    (group) => group.status !== 'IN_PROGRESS',
    BACK_WITHIN_MS,
  );
  expect([status, reason]).toEqual(['CANCELLED', 'EXPIRED']);
  // Search attributes are there again too, or no saga would be started.
  const next = await gateway.start('transfer', holdInput('next', ...wallets, '1'), WAIT_MS);
  expect(next).toMatchObject({ outcome: 'done' });

  const { policies } = await schedule.describe();
  expect(policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 120_000 });
  const reconcile = client.schedule.getHandle(RECONCILE_SCHEDULE_ID);
  await expect(reconcile.describe(), 'no chain is followed').rejects.toThrow();
  await world.sagas.stop();
  told.length = 0;
  await sleep(500);
  expect(told, 'nobody looks after what was stopped').toEqual([]);
});

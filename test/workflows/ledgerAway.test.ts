import { Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { OpenTransferInput } from '../../src/contracts/steps.ts';
import { createLog } from '../../src/observability/log.ts';
import { borrow } from '../support/borrow.ts';
import { execute } from '../support/templateDatabase.ts';
import { holdInput } from './inputs.ts';
import { createWorld, eventually, groupOf, WAIT_MS, type World, wallet } from './world.ts';

/** Longer than the back-off takes to become a timer of the server. */
const OUTAGE_MS = 30_000;

/** Cuts everybody off the database, as a failover does. Answers how to let them in again. */
async function takeAway({ database }: World): Promise<() => Promise<void>> {
  const { adminUrl } = await borrow('database');
  const name = new URL(database.url).pathname.slice(1);
  await execute(adminUrl, `alter database ${name} allow_connections false`);
  await execute(
    adminUrl,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  );
  return () => execute(adminUrl, `alter database ${name} allow_connections true`);
}

/** Until the history holds that the first step failed, and will be tried again later. */
async function untilTriedInVain({ sagas }: World, groupId: string): Promise<void> {
  const handle = sagas.client.workflow.getHandle(groupId);
  await eventually(
    () => handle.fetchHistory(),
    ({ events }) => events?.some((event) => event.markerRecordedEventAttributes) ?? false,
    OUTAGE_MS,
  );
}

describe('a first step that the database was away for', { timeout: 90_000 }, () => {
  it('is to come, or is buried with its saga, and raises no alert', async () => {
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const world = await createWorld({ log: createLog('error', sink) }, onTestFinished);
    const { gateway, client } = world.sagas;
    const wallets = await Promise.all(['10', '0'].map((funds) => wallet(world, funds)));
    const [from = '', to = ''] = wallets;
    const [asked, ended] = [holdInput('away', from, to, '1'), holdInput('ended', from, to, '1')];
    const both: OpenTransferInput[] = [asked, ended];
    const pending = { outcome: 'pending' };
    const letIn = await takeAway(world);
    // Who is asked for it as the wait ends hears the database's own fault.
    const first = both.map((input) => gateway.start('transfer', input, 500).catch(() => pending));
    expect(await Promise.all(first)).toEqual([pending, pending]);
    await Promise.all(both.map(({ groupId }) => untilTriedInVain(world, groupId)));
    await client.workflow.getHandle(ended.groupId).terminate('test');
    await letIn();
    expect(await gateway.start('transfer', asked, 300)).toEqual(pending);
    expect(await gateway.start('transfer', ended, WAIT_MS)).toMatchObject({
      refusal: { code: 'GROUP_NOT_OPEN' },
    });
    expect(lines.filter((line) => JSON.parse(line).alert === 'LEDGER_BEHIND_TEMPORAL')).toEqual([]);
    await gateway.start('transfer', asked, WAIT_MS);
    expect(await groupOf(world, asked.groupId)).toMatchObject({ status: 'IN_PROGRESS' });
  });
});

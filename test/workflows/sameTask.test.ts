/** Steps of one saga that are due at the same moment: whoever replays them finds the same order. */
import { Client, Connection } from '@temporalio/client';
import { expect, it } from 'vitest';
import type { Db } from '../../src/db/pool.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { actInput, withdrawalInput } from './inputs.ts';
import { createWorld, doneGroup, wallet } from './world.ts';

/** Long enough for another step to answer first. */
const SLOW_MS = 200;

/** A saga that cannot be replayed never answers. */
const PATIENCE_MS = 10_000;

/** A ledger whose groups are read slowly. */
function slowReads(db: Db): Db {
  const query = async (...args: Parameters<Db['query']>) => {
    const [asked] = args as unknown as [string | { name?: string }];
    if (typeof asked !== 'string' && asked.name === 'read_group') {
      await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    }
    return db.query(...args);
  };
  return { ...db, query: query as Db['query'] };
}

it('an act that came before the first task, and a look at the approval beside it', async () => {
  const world = await createWorld();
  const { db, options } = world;
  const every = { asset: 'USD', owner: null, walletKind: null, from: '0', approvals: 1 };
  await putApprovalRule(db, { id: 'usd', ...every });
  const input = withdrawalInput('waits', await wallet(world, '60'), {});
  const { groupId } = input;
  // The process that was asked has died: the start and the act wait in Temporal.
  await world.sagas.stop();
  const { address, namespace } = options;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  const saga = await client.workflow.start('withdrawal', {
    workflowId: groupId,
    taskQueue: 'holdfast',
    args: [input],
  });
  const early = actInput<'speedUp'>('speedUp', groupId, 'early', { maxFee: null });
  const told = saga.executeUpdate<unknown, [unknown, string]>('speedUp', {
    args: [early, 'test'],
    updateId: early.stepKey,
  });
  options.db = slowReads(db);
  await world.restart();
  expect(await told).toMatchObject({ refusal: { code: 'WRONG_KIND' } });
  // Nobody has it in memory any more, so its next task begins with its history.
  options.db = db;
  await world.restart();
  const act = actInput<'releaseWithdrawal'>('release', groupId, 'late', {
    amount: null,
    final: true,
    reason: 'not wanted',
  });
  const released = await world.sagas.gateway.act('releaseWithdrawal', act, PATIENCE_MS);
  expect(doneGroup(released)).toMatchObject({ status: 'RELEASED' });
  await connection.close();
});

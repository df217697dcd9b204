/** What a failure says is as secret as the rest of a history, where Temporal is to read nothing. */
import { randomBytes } from 'node:crypto';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { beforeAll, expect, it } from 'vitest';
import { encryptingConverter, readCodecKeys } from '../../src/temporal/codec.ts';
import { execute } from '../support/templateDatabase.ts';
import { holdInput, leg, transferInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

let world: World;
beforeAll(async () => {
  const keys = readCodecKeys(`2026:${randomBytes(32).toString('base64')}`);
  world = await createWorld({ dataConverter: encryptingConverter(keys)! });
});

/** A saga's history as the server has it. */
async function historyOf(id: string): Promise<string> {
  return historyToJSON(await world.sagas.client.workflow.getHandle(id).fetchHistory());
}

it('a refusal that a person is told stands in no history', async () => {
  const owner = await wallet(world, '77.31');
  const input = transferInput('one-sided', [leg(owner, 'DEBIT', '77.31')], {
    settle: 'manual',
    expiresIn: 3600,
  });
  await world.sagas.gateway.start('transfer', input, WAIT_MS);
  const handle = world.sagas.client.workflow.getHandle(input.groupId);
  const update = handle.executeUpdate('settle', { args: [{}] as [object] });
  await expect(update).rejects.toMatchObject({
    cause: {
      type: 'UNBALANCED_GROUP',
      message: 'Refused: UNBALANCED_GROUP. The USD legs sum to -77.31, not to 0.',
    },
  });
  const history = await historyOf(input.groupId);
  expect(history).toContain('UNBALANCED_GROUP');
  expect(history).not.toContain('sum to');
  expect(history).not.toContain('workflows/');
});

it('nor does what a step failed with, which is tried again', async () => {
  const input = holdInput('fails', await wallet(world, '5'), await wallet(world, '0'), '5');
  const { url } = world.database;
  await execute(url, 'alter table transfer_groups rename to not_to_be_told');
  const start = world.sagas.gateway.start('transfer', input, 500).catch(() => null);
  const history = await eventually(
    () => historyOf(input.groupId).catch(() => ''),
    (text) => text.includes('markerRecordedEventAttributes'),
    30_000,
  ).finally(() => execute(url, 'alter table not_to_be_told rename to transfer_groups'));
  await start;
  expect(history).not.toContain('transfer_groups');
  doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
}, 60_000);

/** Groups as large as the API lets them be, whose every answer is large. */
import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleWorkflows } from '../../src/temporal/bundle.ts';
import { actInput, holdInput } from './inputs.ts';
import { balanceOf, createWorld, doneGroup, WAIT_MS, type World, wallet } from './world.ts';

/** Their answers would be twice of what one task may write. */
const ACTS = 4;
const MIB = 1024 * 1024;

type Handle = ReturnType<Client['workflow']['getHandle']>;
type History = Awaited<ReturnType<Handle['fetchHistory']>>;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

/** A worker that takes the saga over pauses where the one before did. */
async function replayed(workflowId: string, history: History): Promise<string> {
  const { code } = await bundleWorkflows();
  const runs = Worker.runReplayHistories({ workflowBundle: { code } }, [{ workflowId, history }]);
  for await (const { error } of runs) if (error) return error.message;
  return 'well';
}

describe('a group with a mebibyte of metadata', () => {
  it.each([
    ['of one byte a character', 'x'.repeat(MIB - 20)],
    ['of three bytes a character', '愛'.repeat(MIB / 3 - 20)],
  ])('keeps its saga when many act at once: %s', async (what, note) => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const { gateway, client } = world.sagas;
    const input = holdInput(`large ${what}`, from, to, String(ACTS), { metadata: { note } });
    const { id } = doneGroup(await gateway.start('transfer', input, WAIT_MS));
    const parts = [1, 2].map((leg) => ({ leg, amount: '1' }));
    const settleOne = (_: unknown, n: number) => {
      const part = actInput<'settle'>('settle', id, `part ${n}`, { legs: parts, final: false });
      return gateway.act('settle', part, WAIT_MS);
    };
    const outcomes = await Promise.all(Array.from({ length: ACTS }, settleOne));
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(Array(ACTS).fill('done'));
    expect((await balanceOf(world, to)).settled).toBe(String(ACTS));
    // A saga that Temporal has ended for the size of its task has no result.
    const handle = client.workflow.getHandle(id);
    expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
    expect(await replayed(id, await handle.fetchHistory())).toBe('well');
  });
});

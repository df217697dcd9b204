import { beforeAll, describe, expect, it } from 'vitest';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { leg, transferInput } from './inputs.ts';
import { createWorld, groupOf, WAIT_MS, type World, wallet } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

/** A hold of 10 on one side alone, which cannot settle. */
async function oneSided(key: string) {
  const legs = [leg(await wallet(world, '10'), 'DEBIT', '10')];
  const input = transferInput(key, legs, { settle: 'manual', expiresIn: 3600 });
  await world.sagas.gateway.start('transfer', input, WAIT_MS);
  return world.sagas.client.workflow.getHandle(input.groupId);
}

describe('an update that a person typed', () => {
  it('fails in the words of the ledger when it is refused, and its saga goes on', async () => {
    const handle = await oneSided('typed and refused');
    const update = handle.executeUpdate('settle', { args: [{}] as [object] });
    await expect(update).rejects.toMatchObject({
      cause: {
        type: 'UNBALANCED_GROUP',
        message: 'Refused: UNBALANCED_GROUP. The USD legs sum to -10, not to 0.',
      },
    });
    expect(await readTimeline(world.db, handle.workflowId)).toContainEqual(
      expect.objectContaining({ event: 'settle', actor: 'temporal-ui', outcome: 'refused' }),
    );
    expect((await groupOf(world, handle.workflowId)).status).toBe('IN_PROGRESS');
    const typed = { args: [{ reason: 'in dispute' }] as [object] };
    expect(await handle.executeUpdate('release', typed)).toMatchObject({ outcome: 'done' });
    expect(await handle.result()).toMatchObject({ status: 'RELEASED' });
  });

  it('with a field of another act moves nothing', async () => {
    const handle = await oneSided('typed with a strange field');
    const typed = { args: [{ reason: 'sold out', amount: '1' }] as [object] };
    await expect(handle.executeUpdate('cancel', typed)).rejects.toMatchObject({
      cause: { message: expect.stringContaining('"amount" is no field of cancel') },
    });
    expect(await readTimeline(world.db, handle.workflowId)).toHaveLength(1);
    await handle.executeUpdate('cancel', { args: [{ reason: 'sold out' }] as [object] });
  });
});

import { beforeAll, describe, expect, it } from 'vitest';
import type { SagaUpdate } from '../../src/contracts/sagas.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { actInput, leg, transferInput } from './inputs.ts';
import { createWorld, doneGroup, groupOf, WAIT_MS, type World, wallet } from './world.ts';

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

/** What no service sends and no form checks: whoever can reach Temporal can send it. */
const GARBAGE: [string, SagaUpdate, object][] = [
  ['a step key alone', 'settle', { stepKey: 'settle:shop:1' }],
  ['an unknown step key of nobody', 'release', { stepKey: '~', reason: 'mine', actor: null }],
  ['a text that no column holds', 'release', { reason: 'a\u0000b' }],
  ['half of a character', 'release', { reason: 'a\ud800b' }],
  ['a leg that no column holds', 'settle', { legs: [{ leg: 3e9, amount: '1' }] }],
];

describe('an update of garbage', () => {
  it.each(GARBAGE)('is refused, and holds up nothing: %s', async (what, update, typed) => {
    const handle = await oneSided(`garbage ${what}`);
    const sent = handle.executeUpdate(update, { args: [typed] as [object] });
    await expect(sent).rejects.toMatchObject({ cause: { type: 'INVALID_REQUEST' } });
    await handle.signal('cancel', 'a\u0000b');
    expect(await handle.result()).toMatchObject({ status: 'CANCELLED', reason: 'ab' });
  });
});

describe('an update or a signal whose input nobody can read', () => {
  it.each([
    ['json/protobuf', '"stock"'],
    ['json/plain', '{"reason": '],
    ['unheard of', ''],
  ])('is refused, or taken as one that says nothing: %s %s', async (encoding, data) => {
    const handle = await oneSided(`unreadable ${encoding}`);
    const { workflowService } = world.sagas.client;
    const payload = { metadata: { encoding: Buffer.from(encoding) }, data: Buffer.from(data) };
    const addressed = {
      namespace: world.options.namespace,
      workflowExecution: { workflowId: handle.workflowId },
    };
    const input = { payloads: [payload] };
    const { outcome } = await workflowService.updateWorkflowExecution({
      ...addressed,
      waitPolicy: { lifecycleStage: 3 },
      request: { meta: { updateId: 'unreadable' }, input: { name: 'cancel', args: input } },
    });
    expect(outcome?.failure?.message).toBeTruthy();
    await workflowService.signalWorkflowExecution({ ...addressed, signalName: 'cancel', input });
    const result = { status: 'CANCELLED', reason: 'cancel by signal' };
    expect(await handle.result()).toMatchObject(result);
  });
});

describe('a reason of 500 characters that are two units of UTF-16 each', () => {
  it('is taken from a process that has no saga of its own', async () => {
    const { workflowId } = await oneSided('long reason');
    const api = await startSagas({ ...world.options, work: false });
    const reason = '😀'.repeat(500);
    const release = actInput<'release'>('release', workflowId, '1', { reason });
    const outcome = await api.gateway.act('release', release, WAIT_MS);
    await api.stop();
    expect(doneGroup(outcome)).toMatchObject({ status: 'RELEASED', reason });
  });
});

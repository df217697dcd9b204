import { beforeAll, describe, expect, it } from 'vitest';
import { listGroupEntries } from '../../src/ledger/entries.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { actInput, holdInput, leg, transferInput } from './inputs.ts';
import {
  balanceOf,
  createWorld,
  doneGroup,
  eventually,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

const handleOf = (groupId: string) => world.sagas.client.workflow.getHandle(groupId);

/** Two wallets and a hold of 10 between them. */
async function held(key: string) {
  const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
  const input = holdInput(key, from, to, '10');
  const outcome = await world.sagas.gateway.start('transfer', input, WAIT_MS);
  expect(doneGroup(outcome).status).toBe('IN_PROGRESS');
  return { from, to, id: input.groupId };
}

describe('a transfer', () => {
  it('that is immediate moves the money and completes its workflow', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const legs = [leg(from, 'DEBIT', '10'), leg(to, 'CREDIT', '10')];
    const input = transferInput('immediate', legs);
    const outcome = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'done', replayed: false, groupStatus: 'SETTLED' });
    expect((await balanceOf(world, to)).available).toBe('10');
    expect(await handleOf(input.groupId).result()).toEqual({
      groupId: input.groupId,
      status: 'SETTLED',
      reason: null,
      refusal: null,
      stored: true,
    });
  });

  it('that is refused is a completed workflow whose result says why', async () => {
    const [from, to] = [await wallet(world, '5'), await wallet(world, '0')];
    const input = holdInput('refused', from, to, '6');
    const outcome = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(outcome).toMatchObject({
      outcome: 'refused',
      replayed: false,
      refusal: { code: 'INSUFFICIENT_FUNDS' },
    });
    expect(await handleOf(input.groupId).result()).toMatchObject({
      status: 'CANCELLED',
      reason: 'INSUFFICIENT_FUNDS',
      refusal: { code: 'INSUFFICIENT_FUNDS' },
    });
    expect((await listGroupEntries(world.db, input.groupId, { limit: 10 })).data).toEqual([]);
  });

  it('is settled, released or cancelled by an update, and its workflow ends', async () => {
    const { gateway } = world.sagas;
    const settled = await held('by update: settle');
    const settle = actInput<'settle'>('settle', settled.id, '1', { legs: null, final: true });
    expect(doneGroup(await gateway.act('settle', settle, WAIT_MS)).status).toBe('SETTLED');
    expect((await balanceOf(world, settled.to)).available).toBe('10');

    const released = await held('by update: release');
    const release = actInput<'release'>('release', released.id, '1', { reason: 'dispute' });
    expect(doneGroup(await gateway.act('release', release, WAIT_MS)).status).toBe('RELEASED');
    expect((await balanceOf(world, released.from)).available).toBe('10');

    const cancelled = await held('by update: cancel');
    const cancel = actInput<'cancel'>('cancel', cancelled.id, '1', { reason: 'sold out' });
    expect(doneGroup(await gateway.act('cancel', cancel, WAIT_MS)).status).toBe('CANCELLED');
    expect((await balanceOf(world, cancelled.from)).available).toBe('10');

    for (const { id } of [settled, released, cancelled]) {
      expect(await handleOf(id).result()).toMatchObject({ groupId: id, refusal: null });
    }
  });

  it('takes legs and an extension by update, and is settled in parts', async () => {
    const { gateway } = world.sagas;
    const [from, to, other] = [
      await wallet(world, '10'),
      await wallet(world, '0'),
      await wallet(world, '0'),
    ];
    const input = transferInput('parts', [leg(from, 'DEBIT', '10')], {
      settle: 'manual',
      expiresIn: 60,
    });
    const opened = doneGroup(await gateway.start('transfer', input, WAIT_MS));
    const legs = [leg(to, 'CREDIT', '4'), leg(other, 'CREDIT', '6')];
    const add = actInput<'addLegs'>('addLegs', input.groupId, '1', { legs });
    expect(doneGroup(await gateway.act('addLegs', add, WAIT_MS)).legs).toHaveLength(3);
    const extend = actInput<'extend'>('extend', input.groupId, '1', { expiresIn: 3600 });
    const extended = doneGroup(await gateway.act('extend', extend, WAIT_MS));
    expect(extended.expiresAt! > opened.expiresAt!).toBe(true);
    const part = actInput<'settle'>('settle', input.groupId, 'part', {
      legs: [
        { leg: 1, amount: '4' },
        { leg: 2, amount: '4' },
      ],
      final: false,
    });
    expect(doneGroup(await gateway.act('settle', part, WAIT_MS)).status).toBe('IN_PROGRESS');
    expect((await balanceOf(world, to)).available).toBe('4');
    const rest = actInput<'settle'>('settle', input.groupId, 'rest', { legs: null, final: true });
    expect(doneGroup(await gateway.act('settle', rest, WAIT_MS)).status).toBe('SETTLED');
    expect((await balanceOf(world, other)).available).toBe('6');
  });

  it.each(['settle', 'release', 'cancel'] as const)('ends by the signal %s', async (button) => {
    const { id } = await held(`by signal: ${button}`);
    await handleOf(id).signal(button, { reason: 'asked on the phone' });
    const result = await handleOf(id).result();
    const status = { settle: 'SETTLED', release: 'RELEASED', cancel: 'CANCELLED' }[button];
    expect(result).toMatchObject({ status });
    const timeline = await readTimeline(world.db, id);
    expect(timeline).toContainEqual(
      expect.objectContaining({
        event: `signal.${button}`,
        actor: 'temporal-ui',
        reason: 'asked on the phone',
      }),
    );
  });

  it('tells a refused signal in its details and its timeline, and obeys a later one', async () => {
    const from = await wallet(world, '10');
    const input = transferInput('one-sided', [leg(from, 'DEBIT', '10')], {
      settle: 'manual',
      expiresIn: 60,
    });
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    const handle = handleOf(input.groupId);
    await handle.signal('settle', 'now please');
    const status = await eventually(
      () => handle.query<{ lastRefusal: { refusal: { code: string } } | null }>('status'),
      ({ lastRefusal }) => lastRefusal !== null,
    );
    expect(status.lastRefusal?.refusal.code).toBe('UNBALANCED_GROUP');
    const timeline = await eventually(
      () => readTimeline(world.db, input.groupId),
      (items) => items.some(({ event }) => event === 'signal.settle'),
    );
    expect(timeline.at(-1)).toMatchObject({
      reason: 'now please',
      detail: { refused: { code: 'UNBALANCED_GROUP' } },
    });
    const to = await wallet(world, '0');
    const add = { legs: [leg(to, 'CREDIT', '10')] };
    await handle.executeUpdate('addLegs', { args: [add] });
    await handle.signal('settle', 'and again');
    expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
  });

  it('takes an update that a person typed, under the id of the update', async () => {
    const { id } = await held('typed');
    const options = { updateId: 'typed-1', args: [{ reason: 'typed at the UI' }] as [object] };
    const outcome = await handleOf(id).executeUpdate('cancel', options);
    expect(outcome).toMatchObject({ outcome: 'done', groupStatus: 'CANCELLED' });
    const [, act] = await readTimeline(world.db, id);
    expect(act).toMatchObject({ actor: 'temporal-ui', detail: { operation: '~update:typed-1' } });
  });

  it('rejects an update of the wrong shape without a trace', async () => {
    const { id } = await held('wrong shape');
    const update = handleOf(id).executeUpdate('cancel', { args: [{}] as [object] });
    await expect(update).rejects.toMatchObject({
      cause: { message: '"reason" is a text of 1 to 500 characters.' },
    });
    expect(await readTimeline(world.db, id)).toHaveLength(1);
  });

  it('is given back by the Cancel button, and shows as cancelled', async () => {
    const { id, from } = await held('cancel button');
    await handleOf(id).cancel();
    await expect(handleOf(id).result()).rejects.toThrow('Workflow execution cancelled');
    expect(await groupOf(world, id)).toMatchObject({
      status: 'CANCELLED',
      reason: 'WORKFLOW_CANCELLED',
    });
    expect((await balanceOf(world, from)).available).toBe('10');
    expect((await handleOf(id).describe()).status.name).toBe('CANCELLED');
  });
});

describe('a reversal', () => {
  it('gives settled legs back in one step', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const legs = [leg(from, 'DEBIT', '10'), leg(to, 'CREDIT', '10')];
    const original = transferInput('to reverse', legs);
    await world.sagas.gateway.start('transfer', original, WAIT_MS);
    const groupId = `reversal:shop:${original.groupId}:1`;
    const outcome = await world.sagas.gateway.start(
      'reversal',
      {
        ...actInput<'cancel'>('create', groupId, '1', { reason: 'returned goods' }),
        reverses: original.groupId,
        client: 'shop',
        amount: '4',
        legs: null,
        acceptBy: null,
      },
      WAIT_MS,
    );
    expect(doneGroup(outcome)).toMatchObject({ kind: 'reversal', reverses: original.groupId });
    expect((await balanceOf(world, from)).available).toBe('4');
    expect(await handleOf(groupId).result()).toMatchObject({ status: 'SETTLED' });
  });
});

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTemporal, type Temporal } from '../../src/dev/stack/temporal.ts';
import { actInput, depositInput, holdInput, withdrawalInput } from './inputs.ts';
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

/** What the server takes 2,000 of; it suggests a new run at nine tenths. */
const MOST_UPDATES = 10;
/** Acts enough for three runs. */
const ACTS = 25;

let temporal: Temporal;
let world: World;
beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-log-'));
  temporal = await startTemporal({
    dbFile: null,
    logFile: join(folder, 'server.log'),
    removeAfter: folder,
    uiPort: null,
    dynamicConfig: { 'history.maxTotalUpdates': MOST_UPDATES },
    say: () => {},
  });
  afterAll(() => temporal.stop());
  world = await createWorld({ address: temporal.address, namespace: 'default' });
});

async function held(key: string, amount: string, expiresIn = 86_400) {
  const [from, to] = [await wallet(world, amount), await wallet(world, '0')];
  const input = holdInput(key, from, to, amount, { expiresIn });
  doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
  return {
    from,
    to,
    id: input.groupId,
    handle: world.sagas.client.workflow.getHandle(input.groupId),
  };
}

/** Settles 1 of each leg. */
function settleOne(id: string, key: string) {
  const legs = [1, 2].map((leg) => ({ leg, amount: '1' }));
  const input = actInput<'settle'>('settle', id, key, { legs, final: false });
  return world.sagas.gateway.act('settle', input, WAIT_MS);
}

const runOf = async (id: string) =>
  (await world.sagas.client.workflow.getHandle(id).describe()).runId;

describe('a saga that waits', () => {
  it('takes more acts than a run has room for, one after the other', async () => {
    const { id, from, to, handle } = await held('metered', String(ACTS));
    const first = await handle.describe();
    for (let act = 1; act <= ACTS; act += 1) doneGroup(await settleOne(id, `part ${act}`));
    expect((await balanceOf(world, to)).settled).toBe(String(ACTS));
    expect(await handle.result()).toMatchObject({ groupId: id, status: 'SETTLED' });
    const last = await handle.describe();
    expect(last.runId).not.toBe(first.runId);
    const found = new Map(
      last.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(found.get('HoldfastKind')).toBe('transfer');
    expect(found.get('HoldfastAsset')).toEqual(['USD']);
    expect(found.get('HoldfastWallet')).toEqual([from, to]);
    expect(found.get('HoldfastStatus')).toBe('SETTLED');
  });

  it('takes acts that come all at once, each once', async () => {
    const { id, to } = await held('metered at once', String(ACTS));
    const keys = Array.from({ length: ACTS }, (_, act) => `part ${act}`);
    const answers = await Promise.all(keys.map((key) => settleOne(id, key)));
    expect(answers.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
    expect((await balanceOf(world, to)).settled).toBe(String(ACTS));
  });

  it('answers a key of the run before as it did then', async () => {
    const { id } = await held('key of the run before', String(ACTS));
    const run = await runOf(id);
    for (let act = 1; act < MOST_UPDATES; act += 1) doneGroup(await settleOne(id, `${act}`));
    await eventually(
      () => runOf(id),
      (now) => now !== run,
    );
    const again = await settleOne(id, '1');
    expect(again).toMatchObject({ outcome: 'done', replayed: true });
    const [leg] = (await groupOf(world, id)).legs;
    expect(leg?.settled).toBe(String(MOST_UPDATES - 1));
  });

  it('still ends at its deadline', async () => {
    const { id, from, handle } = await held('expires in a later run', String(ACTS), 4);
    const run = await runOf(id);
    for (let act = 1; act < MOST_UPDATES; act += 1) doneGroup(await settleOne(id, `${act}`));
    await eventually(
      () => runOf(id),
      (now) => now !== run,
    );
    expect(await handle.result()).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
    expect(await balanceOf(world, from)).toMatchObject({ held: '0', available: '16' });
  });

  it('is a deposit or a withdrawal as well', async () => {
    const deposit = depositInput('in parts', await wallet(world, '0'));
    doneGroup(await world.sagas.gateway.start('deposit', deposit, WAIT_MS));
    const withdrawal = withdrawalInput('in parts', await wallet(world, '60'));
    doneGroup(await world.sagas.gateway.start('withdrawal', withdrawal, WAIT_MS));
    const part = { amount: '1', final: false, txid: null };
    for (let act = 1; act <= ACTS; act += 1) {
      const confirm = actInput<'confirm'>('confirm', deposit.groupId, `${act}`, part);
      doneGroup(await world.sagas.gateway.act('confirm', confirm, WAIT_MS));
      const finalize = actInput<'finalize'>('finalize', withdrawal.groupId, `${act}`, part);
      doneGroup(await world.sagas.gateway.act('finalize', finalize, WAIT_MS));
    }
    const settled = async (id: string) => (await groupOf(world, id)).legs[0]?.settled;
    expect(await settled(deposit.groupId)).toBe(String(ACTS));
    expect(await settled(withdrawal.groupId)).toBe(String(ACTS));
  });
});

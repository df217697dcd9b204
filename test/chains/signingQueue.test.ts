/** Payments that cannot begin: who is told when they can, and in which order. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { patchAsset } from '../../src/ledger/assets.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { HOT } from './chainWorld.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

/** A block of nothing of ours, and nobody who was told before. */
beforeEach(async () => {
  await world.node.automine(false);
  await nextBlock();
  await told();
});

async function nextBlock() {
  await world.node.mine(1);
  await world.follow();
}

/** Its payment comes into a block, which is read. */
async function include(id: string) {
  await world.send(id);
  await nextBlock();
}

/** Withdrawals whose sagas are to be woken, each once. */
async function told(): Promise<string[]> {
  const { rows } = await world.database.owner.query<{ id: string }>(
    `update chain_tasks set done_at = clock_timestamp()
      where kind = 'moved' and done_at is null returning group_id as id`,
  );
  return rows.map(({ id }) => id);
}

async function queued(): Promise<string[]> {
  const { rows } = await world.database.owner.query<{ id: string }>(
    'select group_id as id from signing_queue order by last_turn_at, group_id',
  );
  return rows.map(({ id }) => id);
}

/** Withdrawals that all ask to be signed, in this order. */
async function ask(deps: PayDeps, amounts: string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const amount of amounts) {
    const { id } = await world.withdraw('ETH', amount);
    await signWithdrawal(deps, id);
    ids.push(id);
  }
  return ids;
}

async function payAll(ids: string[]) {
  for (const id of ids) {
    await world.sign(id);
    await world.send(id);
  }
  await world.node.mine(3);
  for (const id of ids) expect((await world.look(id)).status).toBe('SETTLED');
  for (const id of ids) expect(await queued()).not.toContain(id);
}

describe('a hot wallet with as many payments in no block as it may have', () => {
  it('calls as many as there is room for, who waited longest first', async () => {
    const narrow = { ...world.deps, inFlight: 2 };
    const ids = await ask(narrow, Array(5).fill('0.01'));
    const [first = '', second = '', ...waiting] = ids;
    expect(await queued()).toEqual(waiting);
    await nextBlock();
    expect(await told()).toEqual([]);
    await include(first);
    expect(await told()).toEqual(waiting.slice(0, 1));
    await include(second);
    // The one that was called has not come yet: others have their turn before it has another.
    expect(await told()).toEqual(waiting.slice(1));
    await payAll(waiting);
  });

  it('calls those that somebody outside waits for before our own', async () => {
    const narrow = { ...world.deps, inFlight: 1 };
    const [first = '', own = '', outside = ''] = await ask(narrow, ['0.01', '0.01', '0.01']);
    await world.database.owner.query('update signing_queue set inside = true where group_id = $1', [
      own,
    ]);
    await include(first);
    expect(await told()).toEqual([outside]);
    await payAll([outside]);
    await nextBlock();
    expect(await told()).toEqual([own]);
    await payAll([own]);
  });

  it('asks nothing of the node for those that wait', async () => {
    const asked: string[] = [];
    const port = await world.chain();
    const watched = new Proxy(port, {
      get(target, name, receiver) {
        if (typeof Reflect.get(target, name, receiver) === 'function') asked.push(String(name));
        return Reflect.get(target, name, receiver);
      },
    });
    const narrow = { ...world.deps, inFlight: 1, chain: async () => watched };
    const [first = '', second = ''] = await ask(narrow, ['0.01']).then(async (ids) => {
      asked.length = 0;
      return [...ids, ...(await ask(narrow, ['0.01']))];
    });
    expect(asked).toEqual([]);
    await include(first);
    expect((await signWithdrawal(narrow, second)).why).toBeNull();
    expect(asked).not.toEqual([]);
    await world.send(second);
    await world.node.mine(3);
    for (const id of [first, second]) expect((await world.look(id)).status).toBe('SETTLED');
  });

  it('forgets what was given back meanwhile', async () => {
    const narrow = { ...world.deps, inFlight: 1 };
    const [first = '', second = '', third = ''] = await ask(narrow, ['0.01', '0.01', '0.01']);
    await releaseWithdrawal(world.db, {
      groupId: second,
      stepKey: 'release:shop:1',
      actor: SHOP,
      amount: null,
      final: true,
      reason: 'no longer wanted',
    });
    await include(first);
    expect(await told()).toEqual([]);
    expect(await queued()).toEqual([third]);
    await nextBlock();
    expect(await told()).toEqual([third]);
    await payAll([third]);
  });
});

describe('what the books stand against', () => {
  it('is called when they no longer do', async () => {
    const { id } = await world.withdraw('ETH', '0.01');
    await patchAsset(world.db, 'ETH', { withdrawalsPaused: true });
    await signWithdrawal(world.deps, id);
    await nextBlock();
    expect(await told()).toEqual([]);
    await patchAsset(world.db, 'ETH', { withdrawalsPaused: false });
    await nextBlock();
    expect(await told()).toEqual([id]);
    await payAll([id]);
  });

  it('keeps nobody else waiting', async () => {
    const narrow = { ...world.deps, inFlight: 1 };
    const [first = '', large = '', small = ''] = await ask(narrow, ['0.01', '0.02', '0.01']);
    // As if it had been priced when the network asked for more than there is.
    await world.database.owner.query(
      "update signing_queue set max_fee = '1000000' where group_id = $1",
      [large],
    );
    await include(first);
    expect(await told()).toEqual([]);
    await nextBlock();
    expect(await told()).toEqual([small]);
    await payAll([small, large]);
  });

  it('asks by itself where only the node knows: for a price that was too high', async () => {
    const { id } = await world.withdraw('ETH', '0.01');
    const { why } = await signWithdrawal({ ...world.deps, feeCap: '0.000000001' }, id);
    expect(why).toMatch(/the network asks for up to/);
    await nextBlock();
    expect([await queued(), await told()]).toEqual([[], []]);
    await payAll([id]);
  });

  it('has one queue a sender', async () => {
    const [id = ''] = await ask({ ...world.deps, inFlight: 0 }, ['0.01']);
    const { rows } = await world.database.owner.query('select sender from signing_queue');
    expect(rows).toEqual([{ sender: HOT }]);
    await payAll([id]);
  });
});

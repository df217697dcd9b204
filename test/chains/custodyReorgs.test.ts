/** Payments of a custodian that settle early, by a rule of its asset, and lose their block. */
import { describe, expect, it } from 'vitest';
import { askRescan } from '../../src/chains/rescan.ts';
import { lookAfterRelease } from '../../src/custody/afterwards.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { log } from './chainWorld.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress } from './custodyWorld.ts';

/** A block is final at once here, by the asset's own word. */
async function sent(): Promise<{ world: CustodyWorld; id: string }> {
  const world = await createCustodyWorld();
  await world.database.owner.query("update custodian_assets set final = '1'");
  const id = await world.withdraw('0.5');
  await world.look(id);
  await world.node.mined();
  await world.follow();
  return { world, id };
}

it('one that had settled and is gone stops the chain until somebody has looked', async () => {
  const { world, id } = await sent();
  expect((await world.look(id)).group.status).toBe('SETTLED');
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  expect(await world.value('select reason from chain_halts')).toBe(
    `test paid ${id} by a transaction that is no longer in the chain.`,
  );
  const events = (await readTimeline(world.db, id)).map(({ event }) => event);
  expect(events).toContain('chain.orphaned_after_end');
});

it('one that is gone by a halt’s end stops the chain again, also for who asked twice', async () => {
  const { world, id } = await sent();
  expect((await world.look(id)).group.status).toBe('SETTLED');
  await world.database.owner.query("select chain_halt(id, 'a test') from chains");
  await world.node.reorg(1);
  const { chain } = world.port;
  const asked = { requestedBy: 'ann', reason: 'looked at it', liftHalts: true };
  const from = await world.value<number>('select cursor_height::integer from chains');
  for (const _ of [1, 2]) {
    await askRescan(world.db, world.chain, { chain, at: { from, to: null }, ...asked });
  }
  const watch = { chain, holder: 'test' };
  const lookAgain = createRescanner({ db: world.db, port: world.port, watch, log });
  while (await lookAgain());
  expect(
    await world.value('select array_agg(reason) from chain_halts where until is null'),
  ).toEqual([`test paid ${id} by a transaction that is no longer in the chain.`]);
  expect(await world.value('select max(fault) from chain_rescans')).toMatch(/stopped again since/);
});

it('one that will never be paid is given back by an operator', async () => {
  const { world, id } = await sent();
  expect((await world.look(id)).group.status).toBe('SETTLED');
  await world.node.reorg(1);
  await world.follow();
  expect(await world.reverse(id)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
  expect(await world.balance(`wallet-${id.split(':').at(-1)}`)).toMatchObject({ available: '0.5' });
  expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
});

it('one is made by a block that took the place of a final one after it was asked for', async () => {
  const { world, id } = await sent();
  await world.database.owner.query('update custody_payments set asked_above = 1000');
  expect((await world.look(id)).group.status).toBe('SETTLED');
});

describe('one that its custodian fails', () => {
  /** Sent as less than was asked for, which the custodian notices. */
  async function failed() {
    const world = await createCustodyWorld({ payAtOnce: false });
    const to = freshAddress();
    const id = await world.withdraw('0.5', to);
    await world.look(id);
    const { txid } = await world.node.send({ to, wei: 1n });
    await world.follow();
    await world.provider.say(id, { status: 'failed', txid });
    return { world, id, to };
  }

  it('is given back once the block is final that has its transaction', async () => {
    const { world, id } = await failed();
    expect(await world.look(id)).toMatchObject({
      group: { status: 'IN_PROGRESS' },
      why: expect.stringMatching(/may still be mined in another block: block \d+ is not final yet/),
    });
    await world.finalize();
    expect((await world.look(id)).group.status).toBe('RELEASED');
  });

  it.each([
    'in a block that is not final',
    'waiting for a block',
    'waiting for one while the custodian was silent',
    'to pay',
  ])(
    'is given back only when as long has gone by since its transaction was seen %s',
    async (where) => {
      const { world, id, to } = await failed();
      const bound = world.deps.custodians.get('test')!;
      bound.failureGraceSeconds = 3_600;
      const inAnHour = () =>
        world.database.owner.query(
          "update custody_payments set failed_since = failed_since - interval '2 hours'",
        );
      const statusNow = async () => (await world.look(id)).group.status;
      if (where !== 'in a block that is not final') {
        await world.finalize();
        if (where !== 'to pay') await world.node.automine(false);
        const { txid } = await world.node.send({ to, wei: 5n * 10n ** 17n });
        await world.provider.say(id, { txid });
        await world.follow();
      }
      await statusNow();
      await inAnHour();
      if (where.endsWith('silent')) world.provider.faults.loseAnswers = 1;
      const waits = /may still be|is not final yet|did not answer/;
      expect((await world.look(id)).why).toMatch(waits);
      // A node that has dropped it, or another one that never had it.
      if (where.startsWith('waiting')) await world.node.rpc('anvil_dropAllTransactions');
      else await world.node.reorg(1);
      await world.follow();
      expect(await world.look(id)).toMatchObject({ why: expect.stringMatching(/old enough/) });
      await inAnHour();
      expect(await statusNow()).toBe('RELEASED');
    },
  );

  it('is given back where what it is called a duplicate of is another withdrawal', async () => {
    const world = await createCustodyWorld({ payAtOnce: false });
    const to = freshAddress();
    const [first, second] = [await world.withdraw('0.5', to), await world.withdraw('0.5', to)];
    for (const id of [first, second]) await world.look(id);
    await world.provider.release(first);
    const txid = world.provider.book.get(first)?.txid ?? null;
    await world.finalize();
    expect((await world.look(first)).group.status).toBe('SETTLED');
    await world.provider.say(second, { status: 'failed', txid });
    expect((await world.look(second)).group.status).toBe('RELEASED');
    world.alerts.length = 0;
    expect(await lookAfterRelease(world.deps, second)).toEqual({ isPaid: false, why: null });
    expect(world.alerts).toEqual([]);
    expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
  });

  it('is not given back where another one was settled by what was its own', async () => {
    const world = await createCustodyWorld({ payAtOnce: false });
    const to = freshAddress();
    const [first, second] = [await world.withdraw('0.5', to), await world.withdraw('0.5', to)];
    for (const id of [first, second]) await world.look(id);
    await world.provider.release(first);
    await world.look(first);
    const txid = world.provider.book.get(first)?.txid ?? null;
    await world.provider.say(second, { txid });
    await world.finalize();
    // The second one is yet to be sent, so that both are paid in the end.
    expect((await world.look(second)).group.status).toBe('SETTLED');
    await world.provider.say(first, { status: 'failed' });
    expect(await world.look(first)).toMatchObject({
      group: { status: 'IN_PROGRESS' },
      why: expect.stringMatching(/was for other withdrawals/),
    });
  });

  it('is not given back while the chain stands still', async () => {
    const { world, id } = await failed();
    await world.finalize();
    await world.database.owner.query("select chain_halt(id, 'a test') from chains");
    for (const said of [{}, { txid: null }]) {
      await world.provider.say(id, said);
      expect(await world.look(id)).toMatchObject({
        group: { status: 'IN_PROGRESS' },
        why: expect.stringMatching(/stands still/),
      });
    }
    await world.database.owner.query('update chain_halts set until = now()');
    expect((await world.look(id)).group.status).toBe('RELEASED');
  });
});

it('one that had not settled by then stops nothing', async () => {
  const { world, id } = await sent();
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'idle' });
  expect((await world.look(id)).group.status).toBe('IN_PROGRESS');
});

it('none settles by a block that is being dropped in this moment', async () => {
  const { world, id } = await sent();
  const height = await world.value<number>('select cursor_height::integer from chains');
  const watcher = await world.db.connect();
  try {
    await watcher.query('begin');
    await watcher.query("select chain_rewind($1, 'test', $2)", [world.port.chain, height - 1]);
    const looked = world.look(id);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await watcher.query('commit');
    expect((await looked).group.status).toBe('IN_PROGRESS');
  } finally {
    watcher.release(true);
  }
});

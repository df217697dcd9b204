/** A batch is looked at while the watcher turns back: two transactions that lock the same rows. */
import { expect, it } from 'vitest';
import { createBatchWorld, payee } from './batchWorld.ts';

/** Far more than the look takes. */
const LATE_MS = 500;

it('waits for nobody who waits for it, and neither is broken off', async () => {
  const world = await createBatchWorld();
  const { database, port } = world;
  const asked = [1_700, 1_701].map((each) => ({ amount: '0.001', destination: payee(each) }));
  const ids = await world.waiting(asked);
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  await world.follow();
  const height = await world.value<number>('select cursor_height::integer - 1 from chains');

  const watcher = await database.pool.connect();
  const looking = await database.pool.connect();
  try {
    for (const each of [watcher, looking]) await each.query('begin');
    await watcher.query("select chain_lock($1, 'test')", [port.chain]);
    // It has a block: its members' sagas are woken, by rows that refer to the chain's.
    const looked = looking.query("select chain_observe_withdrawal($1, 'test', 600, null)", [batch]);
    const late = new Promise((resolve) => setTimeout(resolve, LATE_MS, 'late'));
    expect(await Promise.race([looked, late]), 'it waits for the watcher').not.toBe('late');
    // The watcher waits for it, because of the inclusion that is dropped.
    const turned = watcher.query("select chain_rewind($1, 'test', $2)", [port.chain, height]);
    await looking.query('commit');
    await turned;
    await watcher.query('commit');
  } finally {
    watcher.release(true);
    looking.release(true);
  }
  expect(await world.states([batch, ...ids])).toEqual(['in_block', 'in_block', 'in_block']);
  await database.pool.query("select chain_observe_withdrawal($1, 'test', 600, null)", [batch]);
  expect(await world.states([batch, ...ids])).toEqual(['broadcast', 'broadcast', 'broadcast']);
});

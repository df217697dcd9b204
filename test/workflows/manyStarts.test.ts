import { expect, it, onTestFinished } from 'vitest';
import type { Db } from '../../src/db/pool.ts';
import { startSaga } from '../../src/temporal/start.ts';
import { holdInput } from './inputs.ts';
import { createWorld, eventually, groupOf, WAIT_MS, type World, wallet } from './world.ts';

/** More callers than a process should ever have at once, all before the first is answered. */
const CALLERS = 300;

it('starts all sagas of many callers here, however long their first steps take', {
  timeout: 60_000,
}, async () => {
  const { promise: mended, resolve: mend } = Promise.withResolvers<void>();
  let world: World | null = null;
  const slow = async (...args: Parameters<Db['query']>) => {
    await mended;
    return world?.database.pool.query(...args);
  };
  world = await createWorld({ db: { query: slow as Db['query'] } }, onTestFinished);
  const [from, to] = [await wallet(world, '1000'), await wallet(world, '0')];
  const { client } = world.sagas;
  const deadline = Date.now() + WAIT_MS;
  const inputs = Array.from({ length: CALLERS }, (_, at) => holdInput(`${at}`, from, to, '1'));
  const started = await Promise.all(
    inputs.map((input) => startSaga(client, 'transfer', input, { deadline })),
  );
  mend();
  expect(started.filter((where) => where !== 'here')).toEqual([]);
  const last = inputs.at(-1)?.groupId ?? '';
  const open = world;
  await eventually(
    () => groupOf(open, last).catch(() => null),
    (group) => group?.status === 'IN_PROGRESS',
  );
});

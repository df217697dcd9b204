/** Payments that were confirmed, and whose block is dropped. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createReorgWorld, type ReorgWorld } from './reorgWorld.ts';

let world: ReorgWorld;

beforeEach(async () => {
  world = await createReorgWorld();
});

afterEach(() => world.expectWhole());

const bytesOf = (id: string) =>
  world.value<string>(
    'select string_agg(bytes, $2) from withdrawal_attempts where group_id = $1',
    id,
    ',',
  );
const halted = () => world.value<boolean>('select chain_is_halted($1)', world.port.chain);

it('a confirmed payment is sent again as the same bytes and settles once, when final', async () => {
  const { id, wallet } = await world.withdraw('ETH', '1');
  await world.sign(id);
  const bytes = await bytesOf(id);
  await world.send(id);
  await world.node.mine();
  const confirmed = await world.look(id);
  expect(confirmed.withdrawal).toMatchObject({ state: 'confirmed', confirmations: 2 });

  await world.drop();
  const dropped = await world.look(id);
  expect(dropped).toMatchObject({ status: 'IN_PROGRESS', withdrawal: { state: 'broadcast' } });
  expect(dropped.legs.filter(({ remaining }) => remaining !== '0')).toHaveLength(2);
  expect(await world.balance(wallet)).toMatchObject({ held: '1', settled: '1' });
  expect(await halted()).toBe(false);

  await world.sign(id);
  await world.send(id);
  expect(await bytesOf(id)).toBe(bytes);
  expect((await world.look(id)).withdrawal?.state).toBe('in_block');
  await world.node.mine();
  expect((await world.look(id)).withdrawal?.state).toBe('confirmed');
  await world.node.mine(2);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  expect(await world.balance(wallet)).toMatchObject({ held: '0', settled: '0' });
  expect((await world.events(id)).filter((event) => event === 'withdrawal.broadcast')).toHaveLength(
    2,
  );
});

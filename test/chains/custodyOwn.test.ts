/** A custodian that calls a payment of our own hot wallet the one that it made. */
import { expect, it } from 'vitest';
import { createCustodyWorld, freshAddress } from './custodyWorld.ts';
import { createPayWorld } from './payWorld.ts';

it('is not believed: what our own transaction paid is another withdrawal', async () => {
  const world = await createCustodyWorld({ payAtOnce: false });
  const { database, rpcUrl } = world;
  const own = await createPayWorld({ database, rpcUrl });
  const to = freshAddress();
  const id = await world.withdraw('0.5', to);
  await world.look(id);
  const paid = await own.withdraw('ETH', '0.5', { destination: to });
  await own.sign(paid.id);
  await own.send(paid.id);
  await world.finalize();
  expect((await own.look(paid.id)).status).toBe('SETTLED');
  const txid = await world.value<string>('select txid from withdrawal_attempts');
  await world.provider.say(id, { status: 'confirmed', txid });
  expect(await world.look(id)).toMatchObject({
    group: { status: 'IN_PROGRESS' },
    why: `${txid} is a transaction of our own, for another withdrawal`,
  });
  expect(world.alerts).toContain('CUSTODIAN_CONTRADICTS');
  await world.provider.say(id, { status: 'failed' });
  expect((await world.look(id)).group.status).toBe('RELEASED');
});

/** An open nonce by itself: the watcher notices it, a worker spends it, later payments go on. */
import { beforeAll, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { payee } from './batchWorld.ts';
import { XPUB } from './chainWorld.ts';
import { REFUSES } from './openNonceWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(600);
  await world.watch();
});

it('is spent when somebody has looked at the chain that stands still', async () => {
  const { node, sagas } = world;
  await world.database.owner.query("update assets set final = '1'");
  await node.automine(false);
  const destination = payee(1_600);
  await node.markUsed(destination);
  const [failing, later] = await Promise.all(
    [destination, payee(1_601)].map((to) => world.prepare('ETH', '0.01', { destination: to })),
  );
  if (!failing || !later) throw new Error('not prepared');
  await sagas.gateway.start('chainWithdrawal', failing, 20_000);
  await world.groupWhen(failing.groupId, (group) => group?.withdrawal?.state === 'broadcast');
  await node.rpc('anvil_setCode', destination, REFUSES);
  await node.mine();
  await world.groupWhen(failing.groupId, (group) => group?.reason === 'REVERTED');
  await node.reorg(1);
  const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
  const halts = async () => (await door.chains())[0]?.halts ?? [];
  while ((await halts()).length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  const from = await world.value<number>('select cursor_height::integer from chains');
  const asked = { requestedBy: 'ann', reason: 'looked at it', liftHalts: true };
  const { chain } = world.port;
  expect(await door.rescan({ chain, at: { from, to: null }, ...asked })).toHaveProperty('id');

  const spent = await world.groupWhen(
    failing.groupId,
    (group) => group?.withdrawal?.attempts[1]?.outcome === 'broadcast',
  );
  expect(spent.withdrawal).toMatchObject({ state: 'released', attempts: [{}, { kind: 'cancel' }] });
  const workflow = sagas.client.workflow.getHandle(`spend:${failing.groupId}`);
  expect(await (await workflow.describe()).staticSummary()).toMatch(
    /^Spend nonce \d+ of 0x\w+ on nothing$/,
  );
  await node.automine(true);
  await node.mine();
  await sagas.gateway.start('chainWithdrawal', later, 20_000);
  expect(await world.groupWhen(later.groupId, (group) => group?.status === 'SETTLED')).toBeTruthy();
  await world.expectReconciled();
});

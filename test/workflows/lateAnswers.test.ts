/** Answers that come to a saga later than what happened after them. */
import { beforeAll, expect, it } from 'vitest';
import { advanceCustody, type CustodyLook } from '../../src/custody/advance.ts';
import { bindAsset } from '../../src/custody/custodyTables.ts';
import { createLog } from '../../src/observability/log.ts';
import { actInput, withdrawalInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

let world: World;
/** What was looked at, in order; each answer is on its way until it is let go. */
const looks: CustodyLook[] = [];
let letGo = () => {};
const arrived = new Promise<void>((resolve) => {
  letGo = resolve;
});

beforeAll(async () => {
  const custodians = new Map();
  const log = createLog('silent');
  world = await createWorld({
    chainActivities: {
      async advanceCustody(id: string) {
        looks.push(await advanceCustody({ db: world.db, custodians, chain: null, log }, id));
        await arrived;
        return looks.at(-1);
      },
    },
  });
  const bound = { asset: 'USD', custodian: 'bank', chain: null, contract: null };
  expect(await bindAsset(world.db, { ...bound, final: 'finalized' })).toBeNull();
});

it('an answer from before the end does not bring back what has ended', async () => {
  const input = withdrawalInput('late answer', await wallet(world, '60'));
  const { gateway, client } = world.sagas;
  doneGroup(await gateway.start('custodialWithdrawal', input, WAIT_MS));
  const { groupId } = input;
  await eventually(
    async () => looks.length,
    (count) => count === 1,
  );
  const fields = { reason: 'asked for it', amount: null, final: true };
  const release = actInput<'releaseWithdrawal'>('release', groupId, '1', fields);
  expect(doneGroup(await gateway.act('releaseWithdrawal', release, WAIT_MS)).status).toBe(
    'RELEASED',
  );
  letGo();
  expect(await client.workflow.getHandle(groupId).result()).toMatchObject({ status: 'RELEASED' });
  expect(
    looks.map(({ group }) => group.status),
    'nothing is looked at any more',
  ).toEqual(['IN_PROGRESS']);
});

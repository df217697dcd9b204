/** A database that was restored to before a batch: nobody of whom it paid is paid again. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { readGroup } from '../../src/ledger/groups.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { explainSpending, unknownSpendings } from '../../src/withdrawals/explain.ts';
import { connectMnemonicSigner } from '../../src/withdrawals/hotWallet.ts';
import { followWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { copyTestDatabase } from '../support/testDatabase.ts';
import { type BatchWorld, createBatchWorld, payee } from './batchWorld.ts';
import { log } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';

const NOTE = 'the batch of an hour ago';
let world: BatchWorld;
let payees = 600;

beforeAll(async () => {
  world = await createBatchWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

/** The world as it was at this moment, with a watcher of its own. */
async function restorePoint() {
  const copy = await copyTestDatabase(world.database);
  const signer = connectMnemonicSigner(copy.pool, world.chain, MNEMONIC);
  await copy.owner.query('update chains set leased_by = null, leased_until = null');
  const watch = { chain: world.port.chain, holder: 'restored' };
  const { port } = world;
  const turn = createFollower({ db: copy.pool, port, watch, startHeight: null, log });
  const deps = { ...world.deps, db: copy.pool, signer };
  const look = async (id: string) => {
    while ((await turn()).turn === 'behind') {}
    return (await followWithdrawal(deps, id)).group;
  };
  return { deps, look, stateOf: async (id: string) => (await readGroup(copy.pool, id))?.status };
}

it.each(['ETH', 'USDX'])('books %s for whom it does not know as lost', async (asset) => {
  const asked = () => ({ asset, amount: '0.5', destination: payee(payees++) });
  const known = await world.waiting([asked(), asked()]);
  const { deps, look, stateOf } = await restorePoint();
  const [young = ''] = await world.waiting([asked()]);
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  await world.node.mine(3);
  expect((await world.look(batch)).status).toBe('SETTLED');
  expect((await world.group(young)).status).toBe('SETTLED');

  await signWithdrawal(deps, known[0] ?? '');
  const nonce = (await unknownSpendings(deps))[0]?.nonce ?? -1;
  expect(await explainSpending(deps, { nonce, groupIds: known, note: NOTE })).toBe(0);
  await look(batch);
  expect(await look(batch)).toMatchObject({ status: 'SETTLED' });
  for (const id of known) expect(await stateOf(id)).toBe('SETTLED');
  const { rows } = await deps.db.query<{ lost: string }>(
    'select amount_text(-settled) as lost from wallet_states where wallet_id = $1',
    [`shortfall:${asset}`],
  );
  expect(rows).toEqual([{ lost: '0.5' }]);
});

it.each(['ETH', 'USDX'])('is told all that a batch of %s paid, or takes no word', async (asset) => {
  const asked = { asset, amount: '0.5', destination: payee(payees++) };
  const ids = await world.waiting([asked, asked, { ...asked, amount: '0.25' }]);
  const [other = ''] = await world.waiting([{ ...asked, amount: '0.75' }]);
  const { deps, look, stateOf } = await restorePoint();
  // All four would go together: the last one comes too late for that.
  await world.database.owner.query('delete from batch_waits where group_id = $1', [other]);
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  await world.node.mine(3);
  expect((await world.look(batch)).status).toBe('SETTLED');

  expect((await signWithdrawal(deps, ids[0] ?? '')).why).toMatch(/does not know, from nonce/);
  const [unknown] = await unknownSpendings(deps);
  const nonce = unknown?.nonce ?? -1;
  const [first = '', second = '', third = ''] = ids;
  const say = (groupIds: string[]) => explainSpending(deps, { nonce, groupIds, note: NOTE });
  await expect(say([first])).rejects.toThrow(/also pays what .* is to pay: name it too/);
  await expect(say([first, third])).rejects.toThrow(/name it too/);
  await expect(say([first, second, other])).rejects.toThrow(/does not pay what these/);
  expect(await say([first, second, third])).toBe(0);
  await look(batch);
  expect(await look(batch)).toMatchObject({ status: 'SETTLED', id: batch, kind: 'batch' });
  for (const id of ids) expect(await stateOf(id)).toBe('SETTLED');
  expect(await stateOf(other)).toBe('IN_PROGRESS');

  await world.sign(other);
  await world.send(other);
  await world.node.mine(3);
  expect((await world.look(other)).status).toBe('SETTLED');
  await world.expectWhole();
});

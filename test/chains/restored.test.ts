/** A database restored to before a payment: it is told what was sent, and pays nothing twice. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readGroup } from '../../src/ledger/groups.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import {
  explainSpending,
  unknownSpendings,
  unknownWaiting,
} from '../../src/withdrawals/explain.ts';
import { connectMnemonicSigner } from '../../src/withdrawals/hotWallet.ts';
import {
  broadcastWithdrawal,
  followWithdrawal,
  replaceWithdrawal,
  signWithdrawal,
} from '../../src/withdrawals/pay.ts';
import { copyTestDatabase } from '../support/testDatabase.ts';
import { HOT, log } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, DESTINATION, type PayWorld } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const destinationWei = async () =>
  BigInt(await world.node.rpc<string>('eth_getBalance', DESTINATION, 'latest'));

/** Signed, sent, mined and final. */
async function settle(id: string) {
  await world.sign(id);
  await world.send(id);
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
}

/** The world as it was at this moment, with a watcher of its own. */
async function restorePoint() {
  const copy = await copyTestDatabase(world.database);
  const signer = connectMnemonicSigner(copy.pool, world.chain, MNEMONIC);
  const deps = { ...world.deps, db: copy.pool, signer };
  const watch = { chain: world.port.chain, holder: 'restored' };
  await copy.owner.query('update chains set leased_by = null, leased_until = null');
  const turn = createFollower({ db: copy.pool, port: world.port, watch, startHeight: null, log });
  const look = async (id: string) => {
    while ((await turn()).turn === 'behind') {}
    return (await followWithdrawal(deps, id)).group;
  };
  return { deps, look };
}

describe('a database restored to before a payment', () => {
  it('signs nothing until somebody says what was sent, and pays nothing twice', async () => {
    const { id: paid } = await world.withdraw('ETH', '0.5');
    const { id: waiting } = await world.withdraw('ETH', '0.25');
    const before = await destinationWei();
    const { deps, look } = await restorePoint();
    await settle(paid);

    const stopped = await signWithdrawal(deps, paid);
    expect(stopped.why).toMatch(/transactions that Holdfast does not know, from nonce/);
    expect(stopped.group.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
    expect((await signWithdrawal(deps, waiting)).group.withdrawal?.attempts).toEqual([]);
    const [unknown, ...more] = await unknownSpendings(deps);
    expect([unknown?.sender, more]).toEqual([HOT, []]);
    const nonce = unknown?.nonce ?? -1;
    const note = 'the payment of an hour ago';
    await expect(explainSpending(deps, { nonce, groupIds: [waiting], note })).rejects.toThrow(
      /does not pay what/,
    );
    await expect(explainSpending(deps, { nonce: nonce + 1, groupIds: [], note })).rejects.toThrow(
      /No unknown transaction/,
    );
    expect(await explainSpending(deps, { nonce, groupIds: [paid], note })).toBe(0);

    await look(paid);
    expect(await look(paid)).toMatchObject({
      status: 'SETTLED',
      withdrawal: { attempts: [{ txid: unknown?.spending.txid }] },
    });
    expect((await signWithdrawal(deps, waiting)).group.withdrawal?.state).toBe('signed');
    await broadcastWithdrawal(deps, waiting);
    await world.node.mined();
    await world.node.mine(3);
    await look(waiting);
    expect((await look(waiting)).status).toBe('SETTLED');
    expect((await destinationWei()) - before).toBe(75n * 10n ** 16n);
    // Both databases drive one wallet here: the one that was restored went on, this one stops.
    const here = { db: world.db, chain: world.chain };
    const [left] = await unknownSpendings(here);
    expect(left?.nonce).toBe(nonce + 1);
    const asked = { nonce: nonce + 1, groupIds: [waiting], note };
    expect(await explainSpending(here, asked)).toBe(0);
    await world.look(waiting);
    expect((await world.look(waiting)).status).toBe('SETTLED');
    await world.expectReconciled();
  });

  it('does the same while what was sent waits for a block', async () => {
    const { id: paid } = await world.withdraw('ETH', '0.5');
    const { id: waiting } = await world.withdraw('ETH', '0.25');
    const before = await destinationWei();
    const { deps, look } = await restorePoint();
    await world.node.automine(false);
    await world.sign(paid);
    await world.send(paid);

    for (const id of [waiting, paid]) {
      const { why, group } = await signWithdrawal(deps, id);
      expect(why).toMatch(/transactions that Holdfast does not know, from nonce/);
      expect(group.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
    }
    expect(await unknownWaiting(deps)).toMatchObject([{ sender: HOT }]);
    await world.node.mine(3);
    expect((await world.look(paid)).status).toBe('SETTLED');
    expect(await unknownWaiting(deps)).toEqual([]);
    const [unknown] = await unknownSpendings(deps);
    const asked = { nonce: unknown?.nonce ?? -1, groupIds: [paid], note: '' };
    expect(await explainSpending(deps, asked)).toBe(0);
    await look(paid);
    expect((await look(paid)).status).toBe('SETTLED');
    expect((await destinationWei()) - before).toBe(5n * 10n ** 17n);
    await world.node.automine(true);
    await settle(waiting);
  });

  it('finds the attempt that it forgot to be its own, since it pays what was asked', async () => {
    const { id } = await world.withdraw('ETH', '0.125');
    await world.node.automine(false);
    await world.sign(id);
    await world.send(id);
    const { deps, look } = await restorePoint();
    const bumping = { ...world.deps, bumpAfterSeconds: 0 };
    expect((await followWithdrawal(bumping, id)).replace).toBe(true);
    await replaceWithdrawal(bumping, id);
    await world.send(id);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
    await look(id);
    const found = await look(id);
    expect(found).toMatchObject({ status: 'SETTLED' });
    expect(found.withdrawal?.attempts.map(({ txid }) => txid)).toEqual(
      (await readGroup(world.db, id))?.withdrawal?.attempts.map(({ txid }) => txid),
    );
    expect(deps.db).not.toBe(world.db);
  });
});

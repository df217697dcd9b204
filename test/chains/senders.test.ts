/** The hot wallet's nonces: gaps, caps, a signer that refuses, late payments. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { endPauses, openPauses, unknownSpendings } from '../../src/withdrawals/explain.ts';
import { registerHotAddress } from '../../src/withdrawals/hotWallet.ts';
import {
  broadcastWithdrawal,
  followWithdrawal,
  replaceWithdrawal,
  signWithdrawal,
} from '../../src/withdrawals/pay.ts';
import { createMnemonicSigner, SignerRefused } from '../../src/withdrawals/signer.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

/** Signed, sent, mined and final. */
async function settle(id: string) {
  await world.sign(id);
  await world.send(id);
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
}

describe('the hot wallet', () => {
  it('has so many payments under way and no more; the next says what it waits for', async () => {
    await world.node.automine(false);
    const narrow = { ...world.deps, inFlight: 1 };
    const { id: first } = await world.withdraw('ETH', '0.1');
    const { id: second } = await world.withdraw('ETH', '0.1');
    await signWithdrawal(narrow, first);
    await world.send(first);
    const waiting = await signWithdrawal(narrow, second);
    expect(waiting.why).toMatch(/^1 payments of .* are in no block yet/);
    expect(waiting.group.withdrawal?.state).toBe('awaiting_funds');
    await world.node.mine(3);
    expect((await world.look(first)).status).toBe('SETTLED');
    expect((await signWithdrawal(narrow, second)).group.withdrawal?.state).toBe('signed');
    await world.send(second);
    await world.node.mine(3);
    expect((await world.look(second)).status).toBe('SETTLED');
  });

  it('begins nothing while the network asks for more than the cap', async () => {
    const { id } = await world.withdraw('ETH', '0.1');
    const thrifty = { ...world.deps, feeCap: '0.000000001' };
    const { why, group } = await signWithdrawal(thrifty, id);
    expect(why).toMatch(/the network asks for up to .* ETH, 0.000000001 is allowed/);
    expect(group.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
    await settle(id);
  });

  it('may have been used before: its history is where these books begin', async () => {
    const fresh = await createTestDatabase();
    await registerHotAddress(fresh.pool, world.port, HOT);
    expect(await unknownSpendings({ db: fresh.pool, chain: world.chain })).toEqual([]);
    const [row] = (await fresh.owner.query('select nonce, note from nonce_slots')).rows;
    expect(Number(row.nonce)).toBe((await world.port.nextSequence(HOT)) - 1);
    expect(row.note).toMatch(/before Holdfast/);
  });

  it('has no gap where a node dropped bytes: the same go out again, the rest follows', async () => {
    await world.node.automine(false);
    const { id: first } = await world.withdraw('ETH', '0.1');
    const { id: behind } = await world.withdraw('ETH', '0.1');
    for (const id of [first, behind]) {
      await world.sign(id);
      await broadcastWithdrawal(world.deps, id);
    }
    const { withdrawal } = await world.look(first);
    await world.node.rpc('anvil_dropTransaction', withdrawal?.attempts[0]?.txid);
    await world.node.mine(10);
    expect((await world.look(behind)).withdrawal).toMatchObject({ confirmations: 0 });
    // The one behind is not made dearer: that would not help it.
    const bumping = { ...world.deps, bumpAfterSeconds: 0 };
    expect((await replaceWithdrawal(bumping, behind)).why).toMatch(/behind an earlier nonce/);
    // As both sagas do at each look.
    for (const id of [first, behind]) await broadcastWithdrawal(world.deps, id);
    await world.node.mine(3);
    for (const id of [first, behind]) {
      const settled = await world.look(id);
      expect(settled).toMatchObject({ status: 'SETTLED' });
      expect(settled.withdrawal?.attempts).toHaveLength(1);
    }
  });

  it('has no gap where the signer refused: its nonce goes to a transfer of nothing', async () => {
    const signer = createMnemonicSigner(MNEMONIC, world.port.chain);
    const { id: refused, wallet } = await world.withdraw('ETH', '0.3');
    const picky = {
      ...world.deps,
      signer: async () => ({
        ...signer,
        sign: async (request: Parameters<typeof signer.sign>[0]) => {
          if (request.kind === 'payment') throw new SignerRefused('not to this one');
          return signer.sign(request);
        },
      }),
    };
    const { group } = await signWithdrawal(picky, refused);
    expect(group.withdrawal).toMatchObject({ state: 'signing', attempts: [] });
    const { id: behind } = await world.withdraw('ETH', '0.1');
    await world.sign(behind);
    await broadcastWithdrawal(world.deps, behind);
    const step = { groupId: refused, stepKey: 'release:shop:1', actor: SHOP, reason: 'refused' };
    expect(await releaseWithdrawal(world.db, { ...step, amount: null, final: true })).toMatchObject(
      { refusal: { code: 'MAY_BE_ON_CHAIN' } },
    );
    expect((await followWithdrawal(picky, refused)).replace).toBe(true);
    await replaceWithdrawal(picky, refused);
    await world.send(refused);
    await world.node.mine(4);
    expect(await world.look(refused)).toMatchObject({
      status: 'RELEASED',
      reason: 'SIGNER_REFUSED',
      withdrawal: { attempts: [{ kind: 'cancel', outcome: 'in_block' }] },
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '0.3', held: '0' });
    expect((await world.look(behind)).status).toBe('SETTLED');
    await world.expectReconciled();
  });
});

describe('a payment that comes after its withdrawal was given back', () => {
  it('is booked as the platform’s loss, and the sender pauses', async () => {
    await world.database.owner.query("update assets set final = '1' where code = 'ETH'");
    const { id, wallet } = await world.withdraw('ETH', '0.5');
    await world.node.automine(false);
    await world.sign(id);
    await world.send(id);
    const step = { groupId: id, stepKey: 'cancelOnChain:bank:1', actor: SHOP };
    await cancelOnChain(world.db, { ...step, maxFee: null });
    await followWithdrawal(world.deps, id);
    await replaceWithdrawal(world.deps, id);
    await world.send(id);
    await world.node.mine();
    expect(await world.look(id)).toMatchObject({ status: 'RELEASED' });
    const bytes = await world.value<string>(
      "select bytes from withdrawal_attempts where group_id = $1 and kind = 'payment'",
      id,
    );
    // One block was final by the asset's rule; the chain turned back all the same.
    await world.node.reorg(1, [{ raw: bytes, at: 0 }]);
    await world.follow();
    await world.database.owner.query('update chain_halts set until = now()');
    await world.node.mine(2);
    await world.follow();
    await world.database.owner.query("update assets set final = null where code = 'ETH'");
    const late = await readGroup(world.db, id);
    expect(late).toMatchObject({ status: 'RELEASED', withdrawal: { state: 'late_confirmed' } });
    expect(await world.balance(wallet)).toMatchObject({ available: '0.5' });
    expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '-0.5' });
    // Booked, so no drift; and nobody owes it.
    const [line] = await reconcileChain(world.db, world.port);
    expect(line?.shortfall).toEqual({ total: '0.5', owed: '0', lost: '0.5' });
    const events = (await readTimeline(world.db, id)).map(({ event }) => event);
    expect(events).toContain('chain.late_confirmed');
    const { id: next } = await world.withdraw('ETH', '0.1');
    expect((await signWithdrawal(world.deps, next)).why).toMatch(/in the chain all the same/);
    const here = { db: world.db, chain: world.chain };
    expect(await openPauses(here)).toMatchObject([{ sender: HOT }]);
    // What comes while the node is asked was looked at by nobody.
    const pause = (reason: string) =>
      world.value("select chain_pause_sender($1, $2, 'nonce_taken', $3)", chain, HOT, reason);
    const { chain } = world.port;
    const head = () => pause('it came late').then(() => world.port.head());
    const asking = { ...here, chain: async () => ({ ...world.port, head }) };
    expect(await endPauses(asking, 'a test turned the chain back')).toBe(1);
    expect(await openPauses(here)).toMatchObject([{ reason: 'it came late' }]);
    expect(await endPauses(here, 'a test has looked')).toBe(1);
    await world.node.automine(true);
    await settle(next);
    await world.expectReconciled();
  });
});

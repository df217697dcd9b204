/**
 * What is kept of deposit addresses (0051): with deposits and collections of every kind, it is what
 * all of them come to.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import { reverseCredit } from '../../src/chains/reverseCredit.ts';
import { assignUnattributed } from '../../src/chains/unattributed.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { endPauses } from '../../src/withdrawals/explain.ts';
import { replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH, groupOf, USDX } from './collectWorld.ts';
import { type OpenNonceActs, openNonceActs } from './openNonceWorld.ts';
import { SHOP } from './payWorld.ts';

type World = CollectWorld & OpenNonceActs;

async function createKeptWorld(): Promise<World> {
  const collecting = await createCollectWorld();
  const whole = readFileSync(new URL('./wholeHistory.sql', import.meta.url), 'utf8');
  await collecting.database.owner.query(whole);
  return { ...collecting, ...(await openNonceActs(collecting)) };
}

/** What lies where by the books, as it is kept or of all that ever was: now, and to each block. */
const whereAllLies = (world: World, by: 'chain' | 'whole') =>
  world.value<unknown[]>(
    `select jsonb_agg(jsonb_build_array(a.code, d.owner,
        amount_text(${by}_booked_at(a.chain, $1, a.code)),
        amount_text(${by}_booked_at(a.chain, d.address, a.code)),
        (select jsonb_agg(amount_text(${by}_lies_at(a.chain, d.address, a.code, h)) order by h)
          from generate_series(0, c.cursor_height) h)) order by a.code, d.owner)
     from assets a, deposit_addresses d, chains c where a.chain is not null`,
    HOT,
  );

async function expectKept(world: World): Promise<void> {
  expect(await whereAllLies(world, 'chain')).toEqual(await whereAllLies(world, 'whole'));
}

const inclusionTo = (world: World, address: string) =>
  world.value<{ id: string; groupId: string }>(
    `select jsonb_build_object('id', id::text, 'groupId', group_id)
     from chain_inclusions where to_address = $1 order by chain_inclusions.id desc`,
    address,
  );

/** Of every kind that changes what lies on an address, or looks as if it did. */
async function everyDeposit(world: World): Promise<void> {
  const { db, node } = world;
  await world.deposited('credited', 'ETH', 3n * ETH);
  await world.deposited('credited token', 'USDX', 8n * USDX);
  await node.send({ to: await world.wallet('pending', 'ETH'), wei: 7n * ETH });

  await patchAsset(db, 'USDX', { minDeposit: '1' });
  await world.deposited('dust', 'USDX', USDX / 2n);
  const { groupId: deposit } = await inclusionTo(
    world,
    await world.deposited('assigned', 'USDX', USDX / 4n),
  );
  const assigned = await assignUnattributed(db, {
    groupId: 'transfer:ops:assign',
    stepKey: 'assign:ops:1',
    actor: { name: 'ops', admin: true },
    client: 'ops',
    deposit,
    wallet: 'credited token',
    reason: 'it is theirs',
  });
  expect(assigned.outcome).toBe('done');

  const own = await world.wallet('own', 'ETH');
  const { id } = await world.withdraw('ETH', '0.25', { destination: own });
  await paid(world, id);
  await node.mine(2);
  await world.follow();
  await credit(world, own);

  await patchAsset(db, 'ETH', { confirmations: 1 });
  const reversed = await world.wallet('reversed', 'ETH');
  await node.send({ to: reversed, wei: 2n * ETH });
  await world.follow();
  await credit(world, reversed);
  await node.reorg(1);
  await world.follow();
  const { id: gone } = await inclusionTo(world, reversed);
  expect(await reverseCredit(db, gone)).toMatchObject({ outcome: 'done' });
}

async function credit(world: World, address: string): Promise<void> {
  const { id } = await inclusionTo(world, address);
  await openChainDeposit(world.db, id);
  expect(await creditChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'SETTLED' });
}

async function paid(world: World, id: string): Promise<string> {
  await world.sign(id);
  await world.send(id);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  return id;
}

/** Opens what is due of an asset for a new deposit. */
async function due(world: World, wallet: string, asset: string, units: bigint): Promise<string> {
  await world.db.query('delete from treasury_rules');
  await world.deposited(wallet, asset, units);
  await world.rule(asset, { min: '40' });
  const [id = ''] = await world.collect();
  return id;
}

/** Cancelled, and final; and the bytes that were to collect. */
async function cancelled(world: World, wallet: string): Promise<{ id: string; bytes: string }> {
  await world.node.automine(true);
  const id = await due(world, wallet, 'ETH', 50n * ETH);
  await world.node.automine(false);
  await world.sign(id);
  await world.send(id);
  const step = { groupId: id, stepKey: 'cancelOnChain:bank:1', actor: SHOP };
  await cancelOnChain(world.db, { ...step, maxFee: null });
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED' });
  const [{ bytes = '' } = {}] = await world.attempts(id, 'payment');
  await world.node.automine(true);
  return { id, bytes };
}

/** Answers one that ended, and whose block is gone. */
async function everyCollection(world: World): Promise<string> {
  await paid(world, await due(world, 'token', 'USDX', 60n * USDX));
  // The one before brought gas.
  for (const id of await world.collect()) await paid(world, id);
  await cancelled(world, 'cancelled');
  const late = await cancelled(world, 'late');
  await world.dropBlocks(1);
  await world.node.resend(late.bytes);
  await world.follow();
  expect(await groupOf(world, late.id)).toMatchObject({ withdrawal: { state: 'late_confirmed' } });
  expect(await endPauses(world.deps, 'it went where it was to go')).toBe(1);
  await paid(world, await due(world, 'again', 'ETH', 50n * ETH));
  await world.dropBlocks(1);
  await world.resend();
  await world.node.mined();
  await world.follow();
  const gone = await paid(world, await due(world, 'gone', 'ETH', 50n * ETH));
  await world.dropBlocks(1);
  return gone;
}

/** What the database has, so that no kind is left out unnoticed. */
const kindsOf = (world: World) =>
  world.value<string[]>(
    `select array_agg(distinct kind order by kind) from (
       select concat_ws(' ', c.purpose, g.status,
           case when n.canonical then w.state else 'gone' end) as kind
       from collections c join transfer_groups g on g.id = c.group_id
       join withdrawals w on w.group_id = c.group_id
       join withdrawal_attempts p on p.group_id = c.group_id
       join attempt_inclusions n on n.attempt_id = p.id and n.fee_leg is not null
       union all select 'credited ' || (credited_at is not null) from chain_inclusions
       union all select 'reversed true' from chain_inclusions where reversed_at is not null
       union all select 'assigned true' from unattributed_assignments
       union all select 'unattributed true' from transfer_legs
         where wallet_id = 'unattributed:USDX' and type = 'CREDIT' and settled > 0
     ) k`,
  );

it('is what all that ever was comes to, of every kind', async () => {
  const world = await createKeptWorld();
  await everyDeposit(world);
  await expectKept(world);
  const gone = await everyCollection(world);
  await patchAsset(world.db, 'ETH', { final: 50 });
  const open = await due(world, 'open', 'USDX', 70n * USDX);
  await world.sign(open);
  await world.send(open);
  expect(await world.look(open)).toMatchObject({ status: 'IN_PROGRESS' });
  expect(await kindsOf(world)).toEqual([
    'assigned true',
    'collect RELEASED late_confirmed',
    'collect RELEASED released',
    'collect SETTLED gone',
    'collect SETTLED settled',
    'credited false',
    'credited true',
    'reversed true',
    'top_up IN_PROGRESS confirmed',
    'top_up SETTLED settled',
    'unattributed true',
  ]);
  await expectKept(world);

  await patchAsset(world.db, 'ETH', { final: 1 });
  expect(await world.look(open)).toMatchObject({ status: 'SETTLED' });
  await world.resend();
  await world.node.mined();
  await world.node.mine(3);
  await world.follow();
  expect(await groupOf(world, gone)).toMatchObject({ status: 'SETTLED' });
  await world.collectAll();
  await expectKept(world);
  await world.expectWhole();
});

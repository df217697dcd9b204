/** What nobody can do to a deposit or withdrawal that a chain decides about. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { openChainDeposit } from '../../src/chains/deposits.ts';
import { chainDepositId } from '../../src/contracts/ids.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { cancelDeposit } from '../../src/ledger/cancelDeposit.ts';
import { confirmDeposit } from '../../src/ledger/confirmDeposit.ts';
import { expire } from '../../src/ledger/expire.ts';
import { extend } from '../../src/ledger/extend.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { release } from '../../src/ledger/release.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import { HOT } from './chainWorld.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld;
let count = 0;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

it('ends by its deadline only before signing', async () => {
  const { id: early, wallet } = await world.withdraw('ETH', '0.1', { expiresIn: 1 });
  const { id: late } = await world.withdraw('ETH', '0.1', { expiresIn: 1 });
  await world.sign(late);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  expect(await world.sign(early)).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
  expect(await world.balance(wallet)).toMatchObject({ available: '0.1' });
  const expiresAt = (await readGroup(world.db, late))?.expiresAt ?? '';
  const step = { groupId: late, stepKey: `~expire:${expiresAt}`, actor: SHOP, expiresAt };
  expect(await expire(world.db, step)).toMatchObject({ refusal: { code: 'MAY_BE_ON_CHAIN' } });
  await world.send(late);
});

it('refuses every act: CHAIN_DECIDES before signing, MAY_BE_ON_CHAIN from then on', async () => {
  const { id } = await world.withdraw('ETH', '0.1');
  const step = (name: string) => ({ groupId: id, stepKey: `${name}:shop:${++count}`, actor: SHOP });
  const acts = {
    settle: () => settle(world.db, { ...step('settle'), legs: null, final: true }),
    release: () => release(world.db, { ...step('release'), reason: 'r' }),
    cancel: () => cancel(world.db, { ...step('cancel'), reason: 'r' }),
    finalize: () =>
      finalizeWithdrawal(world.db, { ...step('finalize'), amount: null, final: true, txid: null }),
    reverse: () => {
      const reversal = { reverses: id, client: 'shop', amount: null, legs: null, reason: 'r' };
      const key = `reversal:shop:${id}:${++count}`;
      return reverse(world.db, {
        ...reversal,
        groupId: key,
        stepKey: 'create:shop:r',
        actor: SHOP,
        acceptBy: null,
      });
    },
  };
  const rows = 'select count(*)::integer from ledger_entries where group_id = $1';
  const before = await world.value(rows, id);
  for (const act of Object.values(acts)) {
    expect(await act()).toMatchObject({ outcome: 'refused', refusal: { code: 'CHAIN_DECIDES' } });
  }
  await world.sign(id);
  for (const act of Object.values(acts)) {
    expect(await act()).toMatchObject({ outcome: 'refused', refusal: { code: 'MAY_BE_ON_CHAIN' } });
  }
  expect(await world.value(rows, id)).toBe(before);
  await world.send(id);
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
});

it('refuses every act on a deposit of the chain, and books nothing by it', async () => {
  const address = await world.wallet('guarded', 'ETH');
  const { txid } = await world.node.send({ to: address, wei: 10n ** 18n });
  await world.follow();
  const id = chainDepositId(world.port.chain, txid, 'native', 1);
  const inclusion = 'select id::text from chain_inclusions where txid = $1';
  await openChainDeposit(world.db, await world.value(inclusion, txid));
  const step = () => ({ groupId: id, stepKey: `act:shop:${++count}`, actor: SHOP });
  const whole = { amount: null, final: true, txid: null };
  const legs = [{ wallet: 'guarded', type: 'DEBIT' as const, amount: '1' }];
  const reversal = { reverses: id, client: 'shop', amount: null, legs: null, acceptBy: null };
  const acts = [
    () => addLegs(world.db, { ...step(), legs }),
    () => settle(world.db, { ...step(), legs: null, final: true }),
    () => release(world.db, { ...step(), reason: 'r' }),
    () => cancel(world.db, { ...step(), reason: 'r' }),
    () => extend(world.db, { ...step(), expiresIn: 60 }),
    () => confirmDeposit(world.db, { ...step(), ...whole }),
    () => cancelDeposit(world.db, { ...step(), reason: 'r' }),
    () => reverse(world.db, { ...step(), ...reversal, groupId: 'reversal:shop:1', reason: 'r' }),
  ];
  for (const act of acts) {
    expect(await act()).toMatchObject({ outcome: 'refused', refusal: { code: 'CHAIN_DECIDES' } });
  }
  expect(await world.balance('guarded')).toMatchObject({ available: '0', pendingIn: '1' });
});

it.each([
  ['the zero address', `0x${'0'.repeat(40)}`],
  ['the contract of a token', null],
  ['an address that payments leave from', HOT],
])('opens no withdrawal to %s', async (_, destination) => {
  const input = await world.prepare('ETH', '1', { destination: destination ?? world.usdx });
  const opened = await openWithdrawal(world.db, input);
  expect(opened).toMatchObject({ refusal: { code: 'DESTINATION_NOT_ALLOWED' }, frozen: true });
  expect(await openWithdrawal(world.db, input)).toMatchObject({ replayed: true });
});

it('opens no withdrawal of a token whose network fee the customer is to pay', async () => {
  const input = await world.prepare('USDX', '1');
  const opened = await openWithdrawal(world.db, { ...input, feeMode: 'customer', maxFee: '1' });
  expect(opened).toMatchObject({ refusal: { code: 'INVALID_REQUEST' }, frozen: false });
});

it('gives no part of a payment back: the chain pays all of it or nothing', async () => {
  const { id, wallet } = await world.withdraw('ETH', '1');
  const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP, reason: 'a part' };
  const part = await releaseWithdrawal(world.db, { ...step, amount: '0.4', final: false });
  expect(part).toMatchObject({ refusal: { code: 'WRONG_KIND' } });
  expect(await world.balance(wallet)).toMatchObject({ held: '1' });
});

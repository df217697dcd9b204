/** What nobody can do to a withdrawal that a chain decides about. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { cancel } from '../../src/ledger/cancel.ts';
import { expire } from '../../src/ledger/expire.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { release } from '../../src/ledger/release.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
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

it('refuses every generic act: CHAIN_DECIDES before signing, MAY_BE_ON_CHAIN from then on', async () => {
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

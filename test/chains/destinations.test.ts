/** A destination that is taken off the list stops what is not signed yet. */
import { expect, it } from 'vitest';
import { putDestinationRule } from '../../src/ledger/destinationRules.ts';
import { addDestination, deleteDestination } from '../../src/ledger/destinations.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { readWallet } from '../../src/ledger/wallets.ts';
import { createPayWorld, DESTINATION } from './payWorld.ts';

it('a destination taken off the list while a withdrawal waits is not paid', async () => {
  const world = await createPayWorld();
  const { db } = world;
  const input = await world.prepare('ETH', '1');
  const owner = (await readWallet(db, input.wallet))?.owner ?? '';
  const place = { owner, chain: world.port.chain, address: DESTINATION, memo: null, label: null };
  const list = async () => {
    const listed = await addDestination(db, { ...place, actor: 'shop' });
    if ('refusal' in listed) throw new Error(listed.refusal.detail);
    return listed.destination.id;
  };
  const id = await list();
  await putDestinationRule(db, { id: 'all', asset: 'ETH', owner: null, activeAfterSeconds: 0 });
  expect((await openWithdrawal(db, input)).outcome).toBe('done');

  await deleteDestination(db, id, 'shop');
  const waiting = await world.sign(input.groupId);
  expect(waiting.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });

  await list();
  const signed = await world.sign(input.groupId);
  expect(signed.withdrawal).toMatchObject({ state: 'signed' });
});

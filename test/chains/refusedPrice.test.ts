/** A signer that says no again and again does not drive up what the cancellation costs. */
import { expect, it } from 'vitest';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { SignerRefused } from '../../src/withdrawals/signer.ts';
import { HOT } from './chainWorld.ts';
import { createPayWorld } from './payWorld.ts';

it('is priced by the network alone while no node has anything on its nonce', async () => {
  const world = await createPayWorld();
  const { id, wallet } = await world.withdraw('ETH', '0.1');
  await world.node.automine(false);
  const sign = () => Promise.reject(new SignerRefused('not today'));
  const refusing = { ...world.deps, signer: async () => ({ sender: HOT, sign }) };
  await signWithdrawal(refusing, id);
  for (let time = 0; time < 3; time++) {
    expect(await followWithdrawal(refusing, id)).toMatchObject({ replace: true });
    await replaceWithdrawal(refusing, id);
    // The signer is asked ever more rarely.
    await world.database.owner.query(
      `update withdrawal_attempts set created_at = created_at - interval '1 hour'
        where group_id = $1`,
      [id],
    );
  }
  const { rows } = await world.database.owner.query(
    `select kind, outcome, terms ->> 'maxFeePerGas' as price from withdrawal_attempts
      where group_id = $1 order by attempt_no`,
    [id],
  );
  const refused = { outcome: 'refused', price: rows[0].price };
  expect(rows).toEqual([
    { kind: 'payment', ...refused },
    ...[1, 2, 3].map(() => ({ kind: 'cancel', ...refused })),
  ]);
  await followWithdrawal(world.deps, id);
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
  await world.node.mine(3);
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'SIGNER_REFUSED' });
  expect(await world.balance(wallet)).toMatchObject({ available: '0.1', held: '0' });
});

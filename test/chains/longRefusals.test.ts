/** Who is to be paid chooses what his contract says when it refuses, and how long that is. */
import { expect, it } from 'vitest';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy } from '../../src/dev/chain/token.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { STRANGER } from './node.ts';
import { createPayWorld } from './payWorld.ts';

it('a payment that is refused at length waits, and is told in short', async () => {
  const world = await createPayWorld();
  const source = new URL('./contracts/Refuser.sol', import.meta.url);
  const destination = await deploy(
    world.rpcUrl,
    STRANGER,
    compileContract(source, 'Refuser').bytecode,
  );
  const { id } = await world.withdraw('ETH', '1', { destination });
  const { group, why } = await signWithdrawal(world.deps, id);
  expect(group.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
  expect(why).toMatch(/would reject it/);
  expect(why?.length).toBeLessThan(1_000);
});

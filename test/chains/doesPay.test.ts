/** What counts as a withdrawal's payment where the books do not know its transaction. */
import { beforeAll, expect, it } from 'vitest';
import type { Spending, Transfer } from '../../src/chains/port.ts';
import { doesPay, partsBeside } from '../../src/withdrawals/doesPay.ts';
import { HOT } from './chainWorld.ts';
import { createPayWorld, DESTINATION, type PayWorld } from './payWorld.ts';

let world: PayWorld;
beforeAll(async () => {
  world = await createPayWorld();
});

/** A transaction of the hot wallet that moved this. */
function moved(changes: Partial<Transfer>): Spending {
  const transfer = {
    ...{ txid: '0x1', ordinal: '0', contract: world.usdx, units: 5_000_000n },
    ...{ from: HOT, to: DESTINATION.toLowerCase(), ...changes },
  };
  const outcome = { txid: '0x1', succeeded: true, feeUnits: 1n, payouts: [] };
  return {
    ...{ txid: '0x1', height: 1, blockHash: '0x1', signed: null },
    outcome: { ...outcome, transfers: [transfer] },
  };
}

it('a transaction pays what has the asset, the destination and the amount', async () => {
  const { id } = await world.withdraw('USDX', '5');
  const pays = (changes: Partial<Transfer>) => doesPay(world.db, world.port, id, moved(changes));
  expect(await pays({})).toBe(true);
  expect(await pays({ contract: null })).toBe(false);
  expect(await pays({ contract: `0x${'2'.repeat(40)}` })).toBe(false);
  expect(await pays({ to: HOT })).toBe(false);
  expect(await pays({ units: 4_999_999n })).toBe(false);
  expect(await pays({ units: 5_000_001n })).toBe(false);
});

it('of a batch each part is paid as often as it is asked for', () => {
  const one = { destination: '0x1', units: 1n };
  const two = { destination: '0x2', units: 1n };
  expect(partsBeside([one], [one, one])).toBeNull();
  expect(partsBeside([one, two], [one, one])).toBeNull();
  expect(partsBeside([one, two, one], [one, one])).toEqual([two]);
  expect(partsBeside([two, one], [one])).toEqual([two]);
  expect(partsBeside([{ ...one, units: 2n }], [one])).toBeNull();
});

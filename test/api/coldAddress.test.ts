/** Where sweeps go, as the API takes it. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { type ChainWorld, createChainWorld, HOT, XPUB } from '../chains/chainWorld.ts';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

/** Somebody outside. */
const OUTSIDE = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
let world: ChainWorld;
let api: TestApi;

beforeAll(async () => {
  world = await createChainWorld();
  await world.follow();
  const { database, db, chain } = world;
  const door = createChainDoor({ db, chain, xpub: XPUB });
  api = await createTestApi({ database, chain: { door, activities: {} } });
});

describe('the cold address of a treasury rule', () => {
  const marks = { minAmount: '1', maxFee: '0.01' };
  const put = (body: object) => api.admin.put('/v1/treasury-rules/USDX', { ...marks, ...body });

  test('is kept as EIP-55, and goes with the rule', async () => {
    const set = await put({ highWater: '2000000000', coldAddress: OUTSIDE.toLowerCase() });
    expect([set.status, set.body.coldAddress]).toEqual([200, OUTSIDE]);
    expect((await put({ highWater: '2000000000' })).body.coldAddress).toBeNull();
    await api.admin.delete('/v1/treasury-rules/USDX');
  });

  test('is none of ours, and needs a mark', async () => {
    const deposit = await world.wallet('somebody', 'ETH');
    const highWater = '5';
    for (const [body, fault] of [
      [{ coldAddress: OUTSIDE }, [400, 'INVALID_REQUEST', '/highWater']],
      [{ highWater, coldAddress: `${OUTSIDE}0` }, [400, 'INVALID_DESTINATION', '/coldAddress']],
      [{ highWater, coldAddress: HOT }, [422, 'DESTINATION_NOT_ALLOWED']],
      [{ highWater, coldAddress: world.usdx }, [422, 'DESTINATION_NOT_ALLOWED']],
      [{ highWater, coldAddress: deposit }, [422, 'DESTINATION_NOT_ALLOWED']],
    ] as const) {
      expect(faultOf(await put(body)), JSON.stringify(body)).toEqual(fault);
    }
  });
});

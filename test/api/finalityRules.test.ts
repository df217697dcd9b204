import { beforeAll, describe, expect, test } from 'vitest';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
  await api.admin.post('/v1/assets', { code: 'ETH', scale: 18, chain: 'eip155:31337' });
});

const RULE = { asset: 'ETH', credit: 'finalized' };
const SOURCE = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';

describe('PUT /v1/finality-rules/{id}', () => {
  test('sets a rule, and sets it anew', async () => {
    const put = await api.admin.put('/v1/finality-rules/large', { ...RULE, minAmount: '10.0' });
    expect(put.status).toBe(200);
    expect(put.body).toEqual({
      id: 'large',
      asset: 'ETH',
      priority: 100,
      minAmount: '10',
      source: null,
      credit: 'finalized',
      final: null,
    });
    const again = await api.admin.put('/v1/finality-rules/large', {
      ...{ ...RULE, credit: 12, final: 'safe', priority: 1 },
      source: SOURCE.toLowerCase(),
    });
    expect(again.body).toEqual({
      id: 'large',
      asset: 'ETH',
      priority: 1,
      minAmount: null,
      source: SOURCE,
      credit: 12,
      final: 'safe',
    });
  });

  test.each([
    ['an unknown asset', { ...RULE, asset: 'NONE' }, [404, 'ASSET_NOT_FOUND']],
    ['an asset without a chain', { ...RULE, asset: 'USD' }, [409, 'WRONG_KIND']],
    ['no credit', { asset: 'ETH' }, [400, 'INVALID_REQUEST', '/credit']],
    ['a word', { ...RULE, credit: 'soon' }, [400, 'INVALID_REQUEST', '/credit']],
    ['no block', { ...RULE, credit: 0 }, [400, 'INVALID_REQUEST', '/credit']],
    ['a number', { ...RULE, minAmount: 5 }, [400, 'INVALID_AMOUNT', '/minAmount']],
    ['zero', { ...RULE, minAmount: '0' }, [400, 'INVALID_AMOUNT', '/minAmount']],
    ['dust', { ...RULE, minAmount: `0.${'0'.repeat(18)}1` }, [400, 'INVALID_AMOUNT', '/minAmount']],
    ['a source', { ...RULE, source: '0x12' }, [400, 'INVALID_DESTINATION', '/source']],
    [
      'a mistyped source',
      { ...RULE, source: SOURCE.replace('5aA', '5AA') },
      [400, 'INVALID_DESTINATION', '/source'],
    ],
    ['another field', { ...RULE, owner: 'a' }, [400, 'INVALID_REQUEST', '/owner']],
  ])('refuses %s', async (_what, body, fault) => {
    expect(faultOf(await api.admin.put('/v1/finality-rules/x', body))).toEqual(fault);
  });
});

describe('GET and DELETE /v1/finality-rules', () => {
  test('read, list by id, and take away', async () => {
    await api.admin.put('/v1/finality-rules/a', RULE);
    await api.admin.put('/v1/finality-rules/b', RULE);
    expect((await api.admin.get('/v1/finality-rules/a')).body.credit).toBe('finalized');
    const { body } = await api.admin.get('/v1/finality-rules?limit=1');
    expect(body.data[0].id).toBe('a');
    expect((await api.admin.delete('/v1/finality-rules/a')).status).toBe(204);
    expect(faultOf(await api.admin.get('/v1/finality-rules/a'))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await api.admin.delete('/v1/finality-rules/a'))).toEqual([404, 'NOT_FOUND']);
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { createAsset } from '../../src/ledger/assets.ts';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
});

const TOKEN = '0x5FbDB2315678afecb367f032d93F642f64180aa3';

describe('POST /v1/assets', () => {
  test('registers an asset with its defaults', async () => {
    const { status, body } = await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
    expect(status).toBe(201);
    expect(body).toEqual({
      code: 'USD',
      scale: 2,
      chain: null,
      contract: null,
      name: null,
      minDeposit: null,
      minWithdrawal: null,
      withdrawalFee: null,
      confirmations: null,
      final: null,
      depositsPaused: false,
      withdrawalsPaused: false,
      createdAt: body.createdAt,
    });
  });

  test('registers none that no URL can name', async () => {
    for (const code of ['.', '..']) {
      const asset = { code, scale: 2 };
      const answer = await api.admin.post('/v1/assets', asset);
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/code']);
      await createAsset(api.db.pool, asset);
      expect((await api.admin.post('/v1/assets', asset)).status, 'one from before').toBe(200);
    }
  });

  test('makes the wallets of the asset', async () => {
    await api.admin.post('/v1/assets', { code: 'EUR', scale: 2 });
    for (const kind of ['external', 'fees', 'shortfall', 'treasury', 'unattributed']) {
      const { status, body } = await api.admin.get(`/v1/wallets/${kind}:EUR`);
      expect([status, body.kind, body.asset]).toEqual([200, kind, 'EUR']);
    }
  });

  test('takes every field, amounts in any spelling', async () => {
    const { status, body } = await api.admin.post('/v1/assets', {
      code: 'USDX',
      scale: 6,
      chain: 'eip155:31337',
      contract: TOKEN.toLowerCase(),
      name: 'Test dollar',
      minDeposit: '1.50',
      minWithdrawal: '2.0',
      withdrawalFee: '0.10',
      confirmations: 3,
      final: 12,
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      contract: TOKEN,
      minDeposit: '1.5',
      minWithdrawal: '2',
      withdrawalFee: '0.1',
      confirmations: 3,
      final: 12,
    });
  });

  test('again with the same body answers 200, defaults spelled out or not', async () => {
    const asset = { code: 'GBP', scale: 2, minDeposit: '1.0' };
    const first = await api.admin.post('/v1/assets', asset);
    const again = await api.admin.post('/v1/assets', { ...asset, minDeposit: '1', name: null });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body).toEqual(first.body);
  });

  test('again with what was read of it answers 200, on a chain too', async () => {
    for (const [code, first] of [
      ['LTC', {}],
      ['BCH', { final: 'finalized' }],
      ['XMR', { final: null }],
    ] as const) {
      const asset = { code, scale: 8, chain: `eip155:${code.charCodeAt(0)}`, ...first };
      const { body } = await api.admin.post('/v1/assets', asset);
      expect(body.final).toBe('finalized');
      for (const final of ['finalized', null]) {
        expect((await api.admin.post('/v1/assets', { ...asset, final })).status).toBe(200);
      }
      const other = await api.admin.post('/v1/assets', { ...asset, final: 'safe' });
      expect(faultOf(other)).toEqual([409, 'ASSET_EXISTS']);
    }
  });

  test('again with another body is ASSET_EXISTS, also after a PATCH', async () => {
    const asset = { code: 'CHF', scale: 2 };
    await api.admin.post('/v1/assets', asset);
    await api.admin.patch('/v1/assets/CHF', { minDeposit: '5' });
    expect((await api.admin.post('/v1/assets', asset)).status).toBe(200);
    const other = await api.admin.post('/v1/assets', { ...asset, scale: 3 });
    expect(faultOf(other)).toEqual([409, 'ASSET_EXISTS']);
  });

  test('for a contract that another asset stands for is ASSET_EXISTS in any spelling', async () => {
    const contract = '0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512';
    const token = { scale: 6, chain: 'eip155:1', contract };
    await api.admin.post('/v1/assets', { code: 'A.1', ...token });
    const second = await api.admin.post('/v1/assets', {
      code: 'A.2',
      ...token,
      contract: contract.toLowerCase(),
    });
    expect(faultOf(second)).toEqual([409, 'ASSET_EXISTS']);
  });

  test.each([
    [{ code: 'usd', scale: 2 }, 'INVALID_REQUEST', '/code'],
    [{ code: 'A'.repeat(33), scale: 2 }, 'INVALID_REQUEST', '/code'],
    [{ code: 'X', scale: 37 }, 'INVALID_REQUEST', '/scale'],
    [{ code: 'X', scale: -1 }, 'INVALID_REQUEST', '/scale'],
    [{ code: 'X', scale: 1.5 }, 'INVALID_REQUEST', '/scale'],
    [{ code: 'X', scale: '2' }, 'INVALID_REQUEST', '/scale'],
    [{ code: 'X', scale: 2, chain: 'ethereum' }, 'INVALID_REQUEST', '/chain'],
    [{ code: 'X', scale: 2, contract: TOKEN }, 'INVALID_REQUEST', '/contract'],
    [{ code: 'X', scale: 2, chain: 'eip155:1', contract: '0x12' }, 'INVALID_REQUEST', '/contract'],
    [
      { code: 'X', scale: 2, chain: 'eip155:1', contract: TOKEN.replace('F', 'f') },
      'INVALID_REQUEST',
      '/contract',
    ],
    [{ code: 'X', scale: 2, minDeposit: '0.001' }, 'INVALID_AMOUNT', '/minDeposit'],
    [{ code: 'X', scale: 2, minDeposit: 1 }, 'INVALID_AMOUNT', '/minDeposit'],
    [{ code: 'X', scale: 2, withdrawalFee: '0' }, 'INVALID_AMOUNT', '/withdrawalFee'],
    [{ code: 'X', scale: 2, confirmations: 0 }, 'INVALID_REQUEST', '/confirmations'],
    [{ code: 'X', scale: 2, final: 'soon' }, 'INVALID_REQUEST', '/final'],
  ])('refuses %j', async (asset, code, pointer) => {
    expect(faultOf(await api.admin.post('/v1/assets', asset))).toEqual([400, code, pointer]);
  });
});

describe('GET /v1/assets', () => {
  test('reads one, and says which is not there', async () => {
    await api.admin.post('/v1/assets', { code: 'A.B_C@D-1', scale: 0 });
    const { body } = await api.admin.get(`/v1/assets/${encodeURIComponent('A.B_C@D-1')}`);
    expect(body.code).toBe('A.B_C@D-1');
    expect(faultOf(await api.admin.get('/v1/assets/NONE'))).toEqual([404, 'ASSET_NOT_FOUND']);
  });

  test('lists them, newest first', async () => {
    await api.admin.post('/v1/assets', { code: 'NEWEST', scale: 2 });
    const { body } = await api.admin.get('/v1/assets?limit=2');
    expect(body.data).toHaveLength(2);
    expect(body.data[0].code).toBe('NEWEST');
  });
});

describe('PATCH /v1/assets/{code}', () => {
  test('changes what is named, and null takes a value away', async () => {
    await api.admin.post('/v1/assets', { code: 'PATCHED', scale: 2, minDeposit: '1', name: 'N' });
    const { status, body } = await api.admin.patch('/v1/assets/PATCHED', {
      depositsPaused: true,
      withdrawalsPaused: true,
      minDeposit: null,
      minWithdrawal: '2.50',
      withdrawalFee: '0.1',
      confirmations: 7,
      final: 'safe',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'N',
      depositsPaused: true,
      withdrawalsPaused: true,
      minDeposit: null,
      minWithdrawal: '2.5',
      withdrawalFee: '0.1',
      confirmations: 7,
      final: 'safe',
    });
    expect((await api.admin.get('/v1/assets/PATCHED')).body).toEqual(body);
  });

  test('refuses what cannot be changed, too many decimals, and unknown assets', async () => {
    await api.admin.post('/v1/assets', { code: 'FIXED', scale: 2 });
    expect(faultOf(await api.admin.patch('/v1/assets/FIXED', { scale: 3 }))).toEqual([
      400,
      'INVALID_REQUEST',
      '/scale',
    ]);
    expect(faultOf(await api.admin.patch('/v1/assets/FIXED', { minDeposit: '0.001' }))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/minDeposit',
    ]);
    expect(faultOf(await api.admin.patch('/v1/assets/NONE', {}))).toEqual([404, 'ASSET_NOT_FOUND']);
  });
});

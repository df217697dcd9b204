import { beforeAll, describe, expect, test } from 'vitest';
import { pageOfWhole } from '../../src/api/wholeList.ts';
import { InvalidCursor } from '../../src/ledger/page.ts';
import { credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  await makeAsset(api, 'USD');
  await openWallet(api, 'a', 'USD', '100');
  await openWallet(api, 'b', 'USD');
  for (let count = 0; count < 5; count++) {
    const legs = [debit('a', '1'), credit('b', '1')];
    await api.admin.post('/v1/transfers', { legs }, { key: `t${count}` });
    await api.admin.post('/v1/assets', { code: `A${count}`, scale: 2 });
    await api.admin.post('/v1/api-keys', { name: `key ${count}`, scopes: ['read'] });
    const limit = { asset: 'USD', owner: `o${count}`, window: 'day', amount: '1' };
    await api.admin.put(`/v1/limits/l${count}`, { ...limit, kinds: ['withdrawal'] });
  }
});

interface Page {
  data: { id?: string; code?: string }[];
  nextCursor: string | null;
}

async function page(path: string, query: string): Promise<Page> {
  const { status, body } = await api.admin.get(`${path}?${query}`);
  expect(status).toBe(200);
  return body;
}

const LISTS = [
  '/v1/transfers',
  '/v1/wallets',
  '/v1/assets',
  '/v1/api-keys',
  '/v1/limits',
  '/v1/wallets/a/entries',
  pathOf('transfer:admin:t0', '/entries'),
];

describe.each(LISTS)('GET %s', (path) => {
  test('pages through all of it, two at a time, each once', async () => {
    const whole = await page(path, 'limit=200');
    expect(whole.nextCursor).toBeNull();
    expect(whole.data.length).toBeGreaterThanOrEqual(4);
    const seen: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const next: Page = await page(path, `limit=2${cursor && `&cursor=${cursor}`}`);
      expect(next.data.length).toBeGreaterThan(0);
      seen.push(...next.data);
      cursor = next.nextCursor;
      if (cursor !== null) expect(cursor).toMatch(/^[A-Za-z0-9_-]+$/);
    }
    expect(seen).toEqual(whole.data);
  });

  test('ends exactly where the limit meets the end', async () => {
    const whole = await page(path, 'limit=200');
    expect((await page(path, `limit=${whole.data.length}`)).nextCursor).toBeNull();
    expect((await page(path, `limit=${whole.data.length - 1}`)).nextCursor).not.toBeNull();
  });

  test.each(['0', '201', '-1', '1.5', 'ten', '', '1e2', '0x1', ' 5'])(
    'refuses limit=%j',
    async (limit) => {
      const answer = await api.admin.get(`${path}?limit=${encodeURIComponent(limit)}`);
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/limit']);
    },
  );

  test('refuses a cursor that no page gave out', async () => {
    const cursors = [
      'x',
      '',
      Buffer.from('[]').toString('base64url'),
      Buffer.from('["2020-01-01T00:00:00.000000Z"]').toString('base64url'),
      Buffer.from('["now","a"]').toString('base64url'),
      Buffer.from('["2020-99-99T00:00:00.000000Z","1"]').toString('base64url'),
      Buffer.from('["99999999999999999999"]').toString('base64url'),
      Buffer.from('{"a":1}').toString('base64url'),
      Buffer.from('["\\u0000"]').toString('base64url'),
      '%00',
    ];
    for (const cursor of cursors) {
      const answer = await api.admin.get(`${path}?cursor=${cursor}`);
      // The list of limits goes by id, and any text is a place in it.
      if (path === '/v1/limits' && answer.status === 200) continue;
      expect([cursor, ...faultOf(answer)]).toEqual([cursor, 400, 'INVALID_REQUEST', '/cursor']);
    }
  });
});

test('a page has 50 where no limit is said', async () => {
  for (let count = 0; count < 46; count++) {
    await api.admin.post('/v1/assets', { code: `B${count}`, scale: 2 });
  }
  expect((await page('/v1/assets', '')).data).toHaveLength(50);
});

test('pages do not move when rows come in between', async () => {
  const first = await page('/v1/transfers', 'limit=3&wallet=a');
  const legs = [debit('a', '1'), credit('b', '1')];
  await api.admin.post('/v1/transfers', { legs }, { key: 'between' });
  const second = await page('/v1/transfers', `limit=3&wallet=a&cursor=${first.nextCursor}`);
  const ids = [...first.data, ...second.data].map(({ id }) => id);
  expect(ids).toEqual([
    'transfer:admin:t4',
    'transfer:admin:t3',
    'transfer:admin:t2',
    'transfer:admin:t1',
    'transfer:admin:t0',
    ids[5],
  ]);
});

test('a short list that is read whole goes on behind an item, and not where that is gone', () => {
  const nameOf = (item: string) => item;
  const first = pageOfWhole(['b', 'c', 'd'], nameOf, { limit: 1 });
  const { nextCursor: cursor } = first;
  const after = (items: string[]) => pageOfWhole(items, nameOf, { limit: 5, cursor: cursor! });
  expect([first.data, after(['a', 'b', 'c', 'd']).data]).toEqual([['b'], ['c', 'd']]);
  expect(() => after(['c', 'd'])).toThrow(InvalidCursor);
});

import { beforeAll, describe, expect, test } from 'vitest';
import { faultOf } from './money.ts';
import { ADMIN_KEY, createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
});

/** A POST with exactly this body and these headers. */
function raw(body: RequestInit['body'], headers: Record<string, string>, path = '/v1/wallets') {
  return api.admin.send('POST', path, { headers, ...(body === undefined ? {} : { body }) });
}

const JSON_TYPE = { 'content-type': 'application/json' };

describe('problems', () => {
  test('are application/problem+json with all fields of RFC 9457 and a code', async () => {
    const { headers, body } = await api.admin.get('/v1/wallets/nobody?x=1');
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toEqual({
      type: 'urn:holdfast:problem:WALLET_NOT_FOUND',
      title: 'Wallet not found',
      status: 404,
      detail: 'There is no wallet nobody.',
      instance: '/v1/wallets/nobody',
      code: 'WALLET_NOT_FOUND',
    });
  });

  test('say 404 NOT_FOUND at paths that are not there', async () => {
    for (const path of ['/', '/v2', '/v1/nothing', '/v1/wallets/a/b/c', '/v1/wallets/']) {
      expect(faultOf(await api.admin.get(path))).toEqual([404, 'NOT_FOUND']);
    }
    const posted = await api.admin.post('/v1/withdrawals/w/nothing', {});
    expect(faultOf(posted)).toEqual([404, 'NOT_FOUND']);
  });

  test('say 405 with Allow where a path has other methods', async () => {
    const deleted = await api.admin.delete('/v1/wallets');
    expect(faultOf(deleted)).toEqual([405, 'METHOD_NOT_ALLOWED']);
    expect(deleted.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'HEAD', 'POST']);
    const got = await api.admin.get('/v1/withdrawals');
    expect(got.status).toBe(405);
    expect(got.headers.get('allow')).toBe('POST');
    expect((await api.admin.send('OPTIONS', '/v1/assets/USD')).headers.get('allow')).toBe(
      'GET, HEAD, PATCH',
    );
    expect((await api.anonymous.send('POST', '/health/live')).status).toBe(405);
  });

  test('a missing resource on a path that takes the method stays 404', async () => {
    expect(faultOf(await api.admin.get('/v1/assets/NONE'))).toEqual([404, 'ASSET_NOT_FOUND']);
  });
});

describe('bodies', () => {
  const wallet = JSON.stringify({ owner: 'a', asset: 'USD' });

  test('larger than 1 MiB are 413, said or streamed', async () => {
    const large = `{"owner":"${'a'.repeat(1024 * 1024)}"}`;
    expect(faultOf(await raw(large, JSON_TYPE))).toEqual([413, 'BODY_TOO_LARGE']);
    const declared = { ...JSON_TYPE, 'content-length': '9999999' };
    expect(faultOf(await raw(wallet, declared))).toEqual([413, 'BODY_TOO_LARGE']);
  });

  test('up to 1 MiB are read', async () => {
    const frame = JSON.stringify({ owner: 'a', asset: 'USD', metadata: { x: '' } }).length;
    const metadata = { x: 'x'.repeat(1024 * 1024 - frame) };
    const body = JSON.stringify({ owner: 'a', asset: 'USD', metadata });
    expect(Buffer.byteLength(body)).toBe(1024 * 1024);
    expect((await raw(body, JSON_TYPE)).status).toBe(201);
  });

  test('of another media type, or of none, are 415', async () => {
    const others = ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'];
    for (const type of [...others, 'application/json; charset=iso-8859-1']) {
      expect(faultOf(await raw(wallet, { 'content-type': type }))).toEqual([
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      ]);
    }
    const bytes = new TextEncoder().encode(wallet);
    const untyped = await api.admin.send('POST', '/v1/wallets', { body: bytes });
    expect(faultOf(untyped)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  test('that are packed are 415, and told to be sent as they are', async () => {
    const answer = await raw(wallet, { ...JSON_TYPE, 'content-encoding': 'gzip' });
    expect(faultOf(answer)).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(answer.body.detail).toBe('Send the body as it is, without Content-Encoding: gzip.');
    for (const encoding of ['identity', '']) {
      const plain = await raw(wallet, { ...JSON_TYPE, 'content-encoding': encoding });
      expect(plain.status, `"${encoding}"`).toBe(201);
    }
  });

  test('are JSON whatever the parameters of the type', async () => {
    const utf8 = ['application/json; charset=utf-8', 'application/json;charset="UTF-8"'];
    const others = ['Application/JSON', 'application/json ; v=1', 'application/vnd.api2+json'];
    for (const type of [...utf8, ...others]) {
      expect((await raw(wallet, { 'content-type': type })).status).toBe(201);
    }
  });

  test('that are no JSON are 400', async () => {
    for (const body of ['{', '{"owner":"a",}', 'owner=a', "{'owner':'a'}", '\u0000']) {
      expect(faultOf(await raw(body, JSON_TYPE))).toEqual([400, 'INVALID_REQUEST']);
    }
  });

  test('that are no object are 400 with the pointer of the whole', async () => {
    for (const body of ['null', '[]', '"text"', '1']) {
      expect(faultOf(await raw(body, JSON_TYPE))).toEqual([400, 'INVALID_REQUEST', '']);
    }
  });

  test('that are empty name what is missing', async () => {
    for (const headers of [{}, JSON_TYPE]) {
      const answer = await raw(undefined, headers);
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/owner', '/asset']);
    }
  });

  test('are told what is wrong in plain words', async () => {
    const told = async (path: string, body: unknown) => {
      const headers = { ...JSON_TYPE, 'idempotency-key': 'words' };
      const answer = await raw(JSON.stringify(body), headers, path);
      return answer.body.errors.map(({ detail }: { detail: string }) => detail);
    };
    expect(await told('/v1/wallets', { asset: 1, metadata: [] })).toEqual([
      'This field is required.',
      'Must be a text, not a number.',
      'Must be an object, not a list.',
    ]);
    expect(await told('/v1/wallets', null)).toEqual(['The body must be an object, not null.']);
    const asset = { code: 'A', scale: 37, confirmations: 1.5, final: 'never' };
    expect(await told('/v1/assets', asset)).toEqual([
      'Must be 36 or less.',
      'Must be a whole number.',
      'Must be finalized, safe, or a number of blocks from 1 on.',
    ]);
    const key = { name: 'k', scopes: [] };
    expect(await told('/v1/api-keys', key)).toEqual(['Must have at least 1 item.']);
    const transfer = { legs: [], settle: 'later' };
    expect(await told('/v1/transfers', transfer)).toEqual(['Must be one of immediate, manual.']);
  });

  test('name every field at fault by its pointer, unknown ones too', async () => {
    const body = { owner: 5, asset: 'usd', kind: 'bank', extra: 1, 'a/b~c': 2 };
    const answer = await api.admin.post('/v1/wallets', body);
    expect(answer.status).toBe(400);
    expect(faultOf(answer).slice(2).sort()).toEqual([
      '/asset',
      '/a~1b~0c',
      '/extra',
      '/kind',
      '/owner',
    ]);
    expect(answer.body.errors.every(({ detail }: { detail: string }) => detail.endsWith('.'))).toBe(
      true,
    );
  });

  test('with a text that no column can hold are 400, wherever it stands', async () => {
    const bodies = [
      ['{"owner":"a\\u0000b","asset":"USD"}', '/owner'],
      ['{"owner":"a","asset":"USD","metadata":{"x":["\\ud800"]}}', '/metadata/x/0'],
      ['{"owner":"a","asset":"USD","metadata":{"\\u0000":1}}', '/metadata'],
    ] as const;
    for (const [body, pointer] of bodies) {
      expect(faultOf(await raw(body, JSON_TYPE))).toEqual([400, 'INVALID_REQUEST', pointer]);
    }
  });

  test('that would be kept as something else are 400, and nothing is kept', async () => {
    const bodies = [
      ['{"owner":"kept","asset":"USD","metadata":{"__proto__":{"a":1}}}', '/metadata'],
      ['{"owner":"kept","asset":"USD","metadata":{"x":{"__proto__":1}}}', '/metadata/x'],
      ['{"owner":"kept","asset":"USD","metadata":{"n":1e400}}', '/metadata/n'],
      ['{"owner":"kept","asset":"USD","metadata":{"n":[-1e999]}}', '/metadata/n/0'],
    ] as const;
    for (const [body, pointer] of bodies) {
      expect(faultOf(await raw(body, JSON_TYPE))).toEqual([400, 'INVALID_REQUEST', pointer]);
    }
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      const metadata = [Buffer.from('{"x":"'), Buffer.from(bytes), Buffer.from('"}')];
      const before = Buffer.from('{"owner":"kept","asset":"USD","metadata":');
      const body = Buffer.concat([before, ...metadata, Buffer.from('}')]);
      expect(faultOf(await raw(body, JSON_TYPE))).toEqual([400, 'INVALID_REQUEST']);
    }
    expect((await api.admin.get('/v1/wallets?owner=kept')).body.data).toEqual([]);
  });

  test('deeper than 32 levels are 400, not an error of ours', async () => {
    const deep = (lists: number) => `${'['.repeat(lists)}1${']'.repeat(lists)}`;
    const wallet = (x: string) => `{"owner":"a","asset":"USD","metadata":{"x":${x}}}`;
    expect((await raw(wallet(deep(100_000)), JSON_TYPE)).body.code).toBe('INVALID_REQUEST');
    expect((await raw(wallet(deep(31)), JSON_TYPE)).body.code).toBe('INVALID_REQUEST');
    expect((await raw(wallet(deep(30)), JSON_TYPE)).status).toBe(201);
  });
});

describe('paths and queries', () => {
  test('with a character that no column can hold are 400', async () => {
    expect(faultOf(await api.admin.get('/v1/wallets/%00'))).toEqual([
      400,
      'INVALID_REQUEST',
      '/id',
    ]);
    expect((await api.admin.get('/v1/wallets?owner=%00')).status).toBe(400);
    expect((await api.admin.get('/v1/transfers?reference=%00')).status).toBe(400);
  });

  test('name a parameter that is not known', async () => {
    expect(faultOf(await api.admin.get('/v1/wallets?ownr=a'))).toEqual([
      400,
      'INVALID_REQUEST',
      '/ownr',
    ]);
  });

  test('take HEAD where they take GET', async () => {
    const { status, body } = await api.admin.send('HEAD', '/v1/assets/USD');
    expect([status, body]).toEqual([200, '']);
  });
});

describe('keys', () => {
  test('missing, unknown or misspelled are 401 with WWW-Authenticate', async () => {
    const missing = await api.anonymous.get('/v1/wallets');
    expect(faultOf(missing)).toEqual([401, 'UNAUTHENTICATED']);
    expect(missing.headers.get('www-authenticate')).toBe('Bearer realm="holdfast"');
    for (const authorization of ['Bearer nobodys', `Basic ${ADMIN_KEY}`, ADMIN_KEY, 'Bearer']) {
      const answer = await api.anonymous.get('/v1/wallets', { headers: { authorization } });
      expect(faultOf(answer)).toEqual([401, 'UNAUTHENTICATED']);
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
  });

  test('are taken however their scheme is spelled', async () => {
    for (const scheme of ['bearer', 'BEARER  ']) {
      const authorization = `${scheme} ${ADMIN_KEY}`;
      const answer = await api.anonymous.get('/v1/wallets', { headers: { authorization } });
      expect(answer.status).toBe(200);
    }
  });

  test('are asked for before anything else is told', async () => {
    expect((await api.anonymous.get('/v1/nothing')).status).toBe(401);
    expect((await api.anonymous.post('/v1/wallets', { x: 1 })).status).toBe(401);
  });

  test('without the scope are 403, also before the body is judged', async () => {
    const reader = await api.client('reader', 'read');
    const posted = await reader.post('/v1/wallets', { x: 1 });
    expect(faultOf(posted)).toEqual([403, 'FORBIDDEN']);
    expect(posted.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    expect((await reader.get('/v1/wallets')).status).toBe(200);
  });

  test.each([
    ['read', 'GET', '/v1/wallets', [200, 403, 403, 200]],
    ['read', 'GET', '/v1/reconciliation', [200, 403, 403, 200]],
    ['transfer', 'POST', '/v1/transfers', [403, 400, 403, 400]],
    ['transfer', 'POST', '/v1/withdrawals', [403, 400, 403, 400]],
    ['transfer', 'POST', '/v1/transfers/x/cancel', [403, 400, 403, 400]],
    ['operate', 'POST', '/v1/transfers/x/extend', [403, 403, 400, 400]],
    ['operate', 'POST', '/v1/deposits', [403, 403, 400, 400]],
    ['operate', 'POST', '/v1/deposits/x/confirm', [403, 403, 400, 400]],
    ['operate', 'POST', '/v1/withdrawals/x/finalize', [403, 403, 400, 400]],
    ['operate', 'POST', '/v1/withdrawals/x/approve', [403, 403, 400, 400]],
    ['operate', 'POST', '/v1/wallets/x/freeze', [403, 403, 400, 400]],
    ['admin', 'POST', '/v1/assets', [403, 403, 403, 400]],
    ['admin', 'PATCH', '/v1/assets/USD', [403, 403, 403, 200]],
    ['admin', 'PUT', '/v1/limits/x', [403, 403, 403, 400]],
    ['admin', 'DELETE', '/v1/limits/x', [403, 403, 403, 404]],
    ['admin', 'GET', '/v1/api-keys', [403, 403, 403, 200]],
    ['admin', 'POST', '/v1/api-keys', [403, 403, 403, 400]],
  ])('scope %s opens %s %s', async (_scope, method, path, statuses) => {
    const answers = [];
    for (const scope of ['read', 'transfer', 'operate', 'admin']) {
      const client = await api.client(`only ${scope}`, scope);
      // Without a key and body every money call is 400 for those who may ask at all.
      answers.push((await client.send(method, path, { headers: {} })).status);
    }
    expect(answers).toEqual(statuses);
  });
});

describe('every answer', () => {
  test('bears a request id, the caller’s own where it is one', async () => {
    const made = await api.admin.get('/v1/wallets');
    expect(made.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const own = await api.admin.get('/v1/wallets', { headers: { 'x-request-id': 'mine-1' } });
    expect(own.headers.get('x-request-id')).toBe('mine-1');
  });
});

/** Hooks at the door: who is believed to have sent them, and that each is stored once. */
import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { createKeySet } from '../../src/hooks/keySet.ts';
import { namedPayments } from '../../src/hooks/namedTransactions.ts';
import {
  holdKeys,
  type KeyHolder,
  type Signature,
  signAlchemy,
  signHmac,
  signStandard,
} from './hookSenders.ts';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

const OLD = 'the-old-secret-of-a-provider';
const NEW = 'the-new-secret-of-a-provider';
const WHSEC = `whsec_${Buffer.from('standard webhooks, in the tests').toString('base64')}`;
const TXID = `0x${'a1'.repeat(32)}`;

let api: TestApi;
let keys: KeyHolder;
let count = 0;

beforeAll(async () => {
  keys = await holdKeys();
  const secrets = [NEW, OLD];
  const { hookSources: hooks } = readConfig({
    DATABASE_URL: 'postgres://not-used',
    TEMPORAL_ADDRESS: 'not-used',
    HOLDFAST_ADMIN_KEY: 'not-used',
    CHAIN_HOOKS: JSON.stringify({
      generic: { kind: 'hmac', secrets },
      standard: { kind: 'standard', secrets: [WHSEC], toleranceSeconds: 60 },
      alchemy: { kind: 'alchemy', secrets },
      fireblocks: { kind: 'fireblocks', jwksUrl: keys.jwksUrl },
    }),
  });
  api = await createTestApi({ hooks });
});

const bodyOf = (more: object = {}) => JSON.stringify({ id: `d${++count}`, hash: TXID, ...more });

function send(source: string, body: string, signature: Signature) {
  const headers = { 'content-type': 'application/json', ...signature };
  return api.anonymous.send('POST', `/v1/chain-hooks/${source}`, { body, headers });
}

/** Every kind, signing as its provider does. */
const SENDERS: [string, (body: string) => Signature][] = [
  ['generic', (body) => signHmac(NEW, body)],
  ['standard', (body) => signStandard(WHSEC, JSON.parse(body).id, body)],
  ['alchemy', (body) => signAlchemy(NEW, body)],
  ['fireblocks', (body) => keys.sign(body)],
];

async function stored(source: string, deliveryId: string) {
  const { rows } = await api.db.owner.query(
    `select copies, contradictions, txids, finished_at is not null as finished, body
     from chain_hooks where source = $1 and delivery_id = $2`,
    [source, deliveryId],
  );
  return rows;
}

describe.each(SENDERS)('a hook of kind %s', (source, sign) => {
  test('is stored once without an API key, and answered the same again', async () => {
    const body = bodyOf();
    const { id } = JSON.parse(body);
    const first = await send(source, body, sign(body));
    expect([first.status, first.body]).toEqual([202, { deliveryId: id, duplicate: false }]);
    const again = await send(source, body, sign(body));
    expect([again.status, again.body]).toEqual([202, { deliveryId: id, duplicate: true }]);
    expect(await stored(source, id)).toEqual([
      { copies: 1, contradictions: 0, txids: [TXID], finished: false, body: Buffer.from(body) },
    ]);
  });

  test('is one row, also when it comes twenty times at once', async () => {
    const body = bodyOf();
    const signature = sign(body);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => send(source, body, signature)),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(20);
    expect(answers.filter((answer) => !answer.body.duplicate)).toHaveLength(1);
    expect(await stored(source, JSON.parse(body).id)).toMatchObject([{ copies: 19 }]);
  });

  test('is refused where a byte of the body was changed, and nothing is stored', async () => {
    const body = bodyOf();
    const signature = sign(body);
    for (const forged of [body.replace('a1', 'b1'), `${body} `, '']) {
      const answer = await send(source, forged, signature);
      expect(faultOf(answer)).toEqual([401, 'UNAUTHENTICATED']);
      expect(answer.headers.get('www-authenticate')).toContain('Signature');
    }
    expect(faultOf(await send(source, body, {}))).toEqual([401, 'UNAUTHENTICATED']);
    expect(await stored(source, JSON.parse(body).id)).toEqual([]);
  });
});

describe('secrets', () => {
  test('rotate: the old and the new one count at the same time, no other', async () => {
    for (const secret of [OLD, NEW]) {
      const body = bodyOf();
      expect((await send('generic', body, signHmac(secret, body))).status).toBe(202);
      expect((await send('alchemy', body, signAlchemy(secret, body))).status).toBe(202);
    }
    const body = bodyOf();
    const other = 'a-secret-of-somebody-else';
    expect((await send('generic', body, signHmac(other, body))).status).toBe(401);
    const both = signHmac(NEW, body);
    both['x-signature'] = `sha256=${'00'.repeat(32)}, sha256=${both['x-signature']}`;
    expect((await send('generic', body, both)).status).toBe(202);
  });

  test('sign the time too: late and early hooks are refused', async () => {
    const now = Math.floor(Date.now() / 1_000);
    const signedAt = (at: number) => {
      const body = bodyOf();
      return send('generic', body, signHmac(NEW, body, at));
    };
    for (const at of [now - 290, now + 290]) expect((await signedAt(at)).status).toBe(202);
    for (const at of [now - 310, now + 310, 0]) {
      const refused = await signedAt(at);
      expect([refused.status, refused.body.detail]).toEqual([
        401,
        expect.stringMatching(/seconds from now; 300 at most/),
      ]);
    }
    const body = bodyOf();
    const standard = signStandard(WHSEC, 'late', body, now - 90);
    expect((await send('standard', body, standard)).status).toBe(401);
    // A newer time beside the old signature is no newer signature.
    standard['webhook-timestamp'] = String(now);
    expect((await send('standard', body, standard)).status).toBe(401);
    const renamed = { ...signStandard(WHSEC, 'one', body), 'webhook-id': 'two' };
    expect((await send('standard', body, renamed)).status).toBe(401);
  });
});

describe('published keys', () => {
  test('are asked for once, and again when a key is not known', async () => {
    let now = 0;
    const keys = await holdKeys();
    const set = createKeySet(keys.jwksUrl, () => now);
    const kid = JSON.parse(kidOf(keys.sign(''))).kid;
    await Promise.all([set.find(kid), set.find(kid), set.find(kid)]);
    expect(keys.asked()).toBe(1);
    keys.rotate();
    const next = JSON.parse(kidOf(keys.sign(''))).kid;
    // Forged key ids must not make us ask without end.
    expect(await set.find(next)).toBeNull();
    expect(keys.asked()).toBe(1);
    now += 10_001;
    expect(await set.find(next)).not.toBeNull();
    expect(await set.find(kid)).toBeNull();
    expect(keys.asked()).toBe(2);
    // What was known serves while the address is out of order; what was not cannot be judged.
    keys.fail(true);
    now += 4_000_000;
    expect(await set.find(next)).not.toBeNull();
    now += 20_000;
    await expect(set.find('other')).rejects.toThrow(/cannot be had/);
  });

  test('that cannot be had make the provider try again, which is no refusal', async () => {
    const away = await holdKeys();
    away.fail(true);
    const { jwksUrl } = away;
    const signatureHeader = 'fireblocks-webhook-signature';
    const hooks = { away: { kind: 'fireblocks', jwksUrl, signatureHeader } } as const;
    const other = await createTestApi({ database: api.db, hooks });
    const body = bodyOf();
    const answer = await other.anonymous.send('POST', '/v1/chain-hooks/away', {
      body,
      headers: away.sign(body),
    });
    expect([...faultOf(answer), answer.headers.has('retry-after')]).toEqual([
      503,
      'UNAVAILABLE',
      true,
    ]);
  });

  test('are no shared secrets; other algorithms and extensions are refused', async () => {
    const body = bodyOf();
    expect((await send('fireblocks', body, keys.sign(body, { typ: 'JOSE' }))).status).toBe(202);
    const lies = [{ alg: 'none' }, { alg: 'HS256' }, { alg: 'RS256' }, { crit: ['b64'] }];
    for (const header of lies) {
      expect((await send('fireblocks', body, keys.sign(body, header))).status).toBe(401);
    }
    for (const text of ['', 'a.b.c', 'a..b', '..', `${'a'.repeat(9_000)}..b`]) {
      const odd = { 'fireblocks-webhook-signature': text };
      expect((await send('fireblocks', body, odd)).status).toBe(401);
    }
  });
});

/** The protected part of a detached JWS, as text. */
function kidOf(signature: Signature): string {
  const [first = ''] = (signature['fireblocks-webhook-signature'] ?? '').split('..');
  return Buffer.from(first, 'base64url').toString();
}

describe('the door', () => {
  test('knows no other source, and takes no other way in', async () => {
    const body = bodyOf();
    expect(faultOf(await send('stranger', body, signHmac(NEW, body)))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await send('constructor', body, {}))).toEqual([404, 'NOT_FOUND']);
    const get = await api.anonymous.get('/v1/chain-hooks/generic');
    expect(faultOf(get)).toEqual([405, 'METHOD_NOT_ALLOWED']);
    // The way around the API key leads to hooks and nowhere else.
    for (const path of ['/v1/chain-hooks/../wallets', '/v1/wallets?x=/v1/chain-hooks/generic']) {
      expect(faultOf(await api.anonymous.get(path))).toEqual([401, 'UNAUTHENTICATED']);
    }
  });

  test('takes no body above a mebibyte', async () => {
    const body = bodyOf({ filler: 'x'.repeat(1024 * 1024) });
    const answer = await send('generic', body, signHmac(NEW, body));
    expect(faultOf(answer)).toEqual([413, 'BODY_TOO_LARGE']);
  });

  test('takes bytes as they are: no JSON, bad UTF-8, and ids that nobody could read', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0x7b]);
    const signature = createHmac('sha256', NEW).update(bytes).digest('hex');
    const sendBytes = () =>
      api.anonymous.send('POST', '/v1/chain-hooks/alchemy', {
        body: bytes,
        headers: { 'x-alchemy-signature': signature },
      });
    const first = await sendBytes();
    expect(first.body).toEqual({
      deliveryId: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      duplicate: false,
    });
    expect((await sendBytes()).body).toEqual({ ...first.body, duplicate: true });
    expect(await stored('alchemy', first.body.deliveryId)).toMatchObject([
      { txids: [], finished: false },
    ]);
    for (const id of ['a\u0000b', 'x'.repeat(5_000), '\u{1f4b0}', {}, null]) {
      const body = bodyOf({ id });
      const { status, body: answer } = await send('alchemy', body, signAlchemy(NEW, body));
      expect([status, answer.deliveryId]).toEqual([202, expect.stringMatching(/^sha256:/)]);
    }
  });

  test('keeps what contradicts an earlier delivery apart, and looks at both', async () => {
    const body = bodyOf();
    const { id } = JSON.parse(body);
    const other = `0x${'b2'.repeat(32)}`;
    const contradiction = JSON.stringify({ id, hash: other });
    await send('alchemy', body, signAlchemy(NEW, body));
    const answer = await send('alchemy', contradiction, signAlchemy(NEW, contradiction));
    expect([answer.status, answer.body.duplicate]).toEqual([202, true]);
    expect(await stored('alchemy', id)).toMatchObject([
      { copies: 0, contradictions: 1, txids: [TXID, other], body: Buffer.from(body) },
    ]);
  });

  test('counts what came, by source', async () => {
    const { body: text } = await api.anonymous.get('/metrics');
    for (const result of ['taken', 'copy', 'contradiction', 'refused']) {
      expect(text).toMatch(
        new RegExp(`hooks_total\\{source="alchemy",result="${result}"\\} [1-9]`),
      );
    }
    expect(text).not.toContain('stranger');
  });
});

test('a hook names payments by their groups, lines of payout runs too', () => {
  const ids = ['withdrawal:shop:1', 'payout:shop:2026-01:17'];
  const body = { data: ids.map((id) => ({ externalTxId: id })), id: 'transfer:shop:1' };
  expect(namedPayments(Buffer.from(JSON.stringify(body))).sort()).toEqual(ids.sort());
  const others = { externalId: 'transfer:shop:1', note: ids[0] };
  expect(namedPayments(Buffer.from(JSON.stringify(others)))).toEqual([]);
});

/** Providers of hooks in a test's hands: each signs as the real one does. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atFileEnd } from '../support/borrow.ts';

/** Headers of a signed delivery. */
export type Signature = Record<string, string>;

const nowSeconds = () => Math.floor(Date.now() / 1_000);
const hmac = (key: string | Buffer, content: string, encoding: 'hex' | 'base64') =>
  createHmac('sha256', key).update(content).digest(encoding);

export function signHmac(secret: string, body: string, at = nowSeconds()): Signature {
  return { 'x-timestamp': String(at), 'x-signature': hmac(secret, `${at}.${body}`, 'hex') };
}

/** `secret` as Standard Webhooks hands it out: `whsec_` and base64. */
export function signStandard(
  secret: string,
  id: string,
  body: string,
  at = nowSeconds(),
): Signature {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${hmac(key, `${id}.${at}.${body}`, 'base64')}`,
  };
}

export function signAlchemy(secret: string, body: string): Signature {
  return { 'x-alchemy-signature': hmac(secret, body, 'hex') };
}

interface Key {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** A provider with published keys, which it can replace. */
export interface KeyHolder {
  jwksUrl: string;
  /** How often the keys were asked for. */
  asked(): number;
  /** A new key takes the place of the published ones. */
  rotate(): void;
  /** The address answers 500 from now on, or again with keys. */
  fail(on: boolean): void;
  sign(body: string, header?: object): Signature;
}

/** Publishes its keys on a port of its own until the file ends. */
export async function holdKeys(): Promise<KeyHolder> {
  let key = makeKey(1);
  let asked = 0;
  let isFailing = false;
  const server = createServer((_, response) => {
    asked += 1;
    const { kid, publicKey } = key;
    const known = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS512', use: 'sig' };
    const odd = { kty: 'of-tomorrow', kid: 'odd' };
    response.writeHead(isFailing ? 500 : 200, { 'content-type': 'application/json' });
    response.end(isFailing ? 'out of order' : JSON.stringify({ keys: [odd, known] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    asked: () => asked,
    rotate: () => {
      key = makeKey(Number(key.kid) + 1);
    },
    fail: (on) => {
      isFailing = on;
    },
    sign(body, header = {}) {
      const said = { alg: 'RS512', kid: key.kid, ...header };
      const first = Buffer.from(JSON.stringify(said)).toString('base64url');
      const content = Buffer.from(`${first}.${Buffer.from(body).toString('base64url')}`);
      const signature = sign('sha512', content, key.privateKey).toString('base64url');
      return { 'fireblocks-webhook-signature': `${first}..${signature}` };
    },
  };
}

function makeKey(kid: number): Key {
  return { kid: String(kid), ...generateKeyPairSync('rsa', { modulusLength: 2048 }) };
}

/** How the storm's providers sign their hooks; the service gets their secrets by CHAIN_HOOKS. */
import { createHmac } from 'node:crypto';

export interface HookSource {
  name: string;
  kind: 'hmac' | 'standard' | 'alchemy';
  secret: string;
  /** A time is signed, so that an old hook can be told. */
  hasTime: boolean;
}

export interface SignedHook {
  headers: Record<string, string>;
  body: string;
}

const SOURCES: readonly HookSource[] = [
  { name: 'ours', kind: 'hmac', secret: 'the-secret-of-ours', hasTime: true },
  { name: 'payments', kind: 'standard', secret: 'the-secret-of-payments', hasTime: true },
  { name: 'alchemy', kind: 'alchemy', secret: 'the-secret-of-alchemy', hasTime: false },
];

/** For the service's environment. */
export const CHAIN_HOOKS = JSON.stringify(
  Object.fromEntries(SOURCES.map(({ name, kind, secret }) => [name, { kind, secrets: [secret] }])),
);

export function pickSource(place: number): HookSource {
  return SOURCES[place % SOURCES.length] as HookSource;
}

/** @param shift seconds between now and the time that is signed */
export function signHook(
  { kind, secret }: HookSource,
  id: string,
  body: string,
  shift = 0,
): SignedHook {
  const at = String(Math.floor(Date.now() / 1_000) + shift);
  const sign = (content: string, encoding: 'hex' | 'base64') =>
    createHmac('sha256', secret).update(content).digest(encoding);
  switch (kind) {
    case 'hmac':
      return {
        body,
        headers: { 'x-timestamp': at, 'x-signature': sign(`${at}.${body}`, 'hex') },
      };
    case 'standard': {
      const signature = `v1,${sign(`${id}.${at}.${body}`, 'base64')}`;
      return {
        body,
        headers: { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature },
      };
    }
    case 'alchemy':
      return { body, headers: { 'x-alchemy-signature': sign(body, 'hex') } };
  }
}

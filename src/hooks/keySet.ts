/** Keys that a provider publishes (JWKS), kept for a while and asked for again when they change. */
import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { readShortAnswer } from '../contracts/shortAnswer.ts';

/** The provider's keys could not be had: whether a signature is right cannot be told now. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable';
}

export interface KeySet {
  /** @throws KeysUnavailable where the keys are not known and cannot be had */
  find(keyId: string): Promise<KeyObject | null>;
}

/** A key that was withdrawn is believed for as long at most. */
const FRESH_MS = 3_600_000;
/** Unknown key ids ask for the keys again, but forged ones must not do so without end. */
const LEAST_PAUSE_MS = 10_000;
/** A hook waits for the keys; its provider waits for our answer. */
const TIMEOUT_MS = 2_000;
const MOST_BYTES = 262_144;

const answer = z.object({
  keys: z.array(z.looseObject({ kid: z.string(), kty: z.string() })).max(100),
});

/** The keys behind an address. Nothing is asked for before the first hook comes. */
export function createKeySet(url: string, now: () => number = Date.now): KeySet {
  let keys: Map<string, KeyObject> | null = null;
  let askedAt = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | null = null;
  const ask = async () => {
    askedAt = now();
    keys = await fetchKeys(url);
  };
  return {
    async find(keyId) {
      const age = now() - askedAt;
      const isKnown = keys?.has(keyId) ?? false;
      if (asking === null && age > (isKnown ? FRESH_MS : LEAST_PAUSE_MS)) {
        asking = ask().finally(() => {
          asking = null;
        });
      }
      if (asking !== null) {
        try {
          await asking;
        } catch (error) {
          // Keys that were right an hour ago serve until the address answers again.
          if (!isKnown) throw error;
        }
      }
      if (keys === null) throw new KeysUnavailable('The keys of this source cannot be had now.');
      return keys.get(keyId) ?? null;
    },
  };
}

async function fetchKeys(url: string): Promise<Map<string, KeyObject>> {
  try {
    const response = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await readShortAnswer(response, MOST_BYTES);
    if (!response.ok) throw new Error('no keys');
    const keys = new Map<string, KeyObject>();
    for (const jwk of answer.parse(JSON.parse(text)).keys) {
      const key = publicKey(jwk);
      if (key !== null) keys.set(jwk.kid, key);
    }
    return keys;
  } catch (error) {
    throw new KeysUnavailable(
      `The keys of this source cannot be had now (${(error as Error).name}).`,
    );
  }
}

/** Null for a key of a kind that is not known here; the others still serve. */
function publicKey(jwk: JsonWebKey): KeyObject | null {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return null;
  }
}

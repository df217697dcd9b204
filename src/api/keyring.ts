import { createHash, timingSafeEqual } from 'node:crypto';
import { LEAST_SECRET_LENGTH } from '../contracts/signingSecret.ts';
import type { Db } from '../db/pool.ts';
import { findApiKey } from '../ledger/apiKeys.ts';
import type { Log } from '../observability/log.ts';
import { type Caller, SCOPES } from './context.ts';

/**
 * How long another process may go on believing in a key that was revoked elsewhere. This process
 * forgets at once (`forget`). A second is enough to take the look-up off the path of a busy client.
 */
const MAX_AGE_MS = 1000;
/** Keys that are remembered at once; the oldest goes first. */
const MAX_KEYS = 1000;

export interface Keyring {
  /** Whose key this is, or null: unknown or revoked. */
  find(key: string): Promise<Caller | null>;
  /** Called when a key was revoked: the next use of any key is looked up again. */
  forget(): void;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Nothing here limits how often somebody asks, and this key may do everything. */
export function warnOfShortKey(adminKey: string, log: Log): void {
  if (adminKey.length >= LEAST_SECRET_LENGTH) return;
  const characters = adminKey.length;
  const hint = 'take 32 random characters, such as of `openssl rand -hex 32`';
  log.warn({ characters, hint }, 'HOLDFAST_ADMIN_KEY can be found by trying');
}

/** Looks keys up by their hash. `adminKey` is the bootstrap key: every scope, client `admin`. */
export function createKeyring(db: Db, adminKey: string, maxKeys = MAX_KEYS): Keyring {
  const adminHash = sha256(adminKey);
  const admin: Caller = { client: 'admin', scopes: new Set(SCOPES) };
  const known = new Map<string, { caller: Caller; until: number }>();
  let revocations = 0;
  return {
    async find(key) {
      const hash = sha256(key);
      if (timingSafeEqual(hash, adminHash)) return admin;
      const name = hash.toString('hex');
      const hit = known.get(name);
      if (hit !== undefined && hit.until > Date.now()) return hit.caller;
      const before = revocations;
      const row = await findApiKey(db, name);
      known.delete(name);
      if (row === null) return null;
      const caller: Caller = { client: row.client, scopes: new Set(row.scopes) };
      // A key that was revoked while it was looked up is not remembered.
      if (before === revocations) {
        const oldest = known.size >= maxKeys ? known.keys().next().value : undefined;
        if (oldest !== undefined) known.delete(oldest);
        known.set(name, { caller, until: Date.now() + MAX_AGE_MS });
      }
      return caller;
    },
    forget() {
      revocations += 1;
      known.clear();
    },
  };
}

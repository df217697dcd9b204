/** API keys: shown once, stored as a hash. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART, TIME_PART } from './page.ts';

export type ApiKeyScope = 'read' | 'transfer' | 'operate' | 'admin';

export interface ApiKey {
  id: string;
  name: string;
  /** The client that the key speaks for; several keys may share one. */
  client: string;
  scopes: ApiKeyScope[];
}

/** 256 random bits: nobody guesses it, so a plain hash is enough to store. */
const KEY_BYTES = 32;

/** Makes a key and returns it with its secret, this once. */
export async function createApiKey(
  db: Db,
  { name, client, scopes }: Omit<ApiKey, 'id'>,
): Promise<ApiKey & { key: string }> {
  const key = `hf_${randomBytes(KEY_BYTES).toString('base64url')}`;
  const id = `key-${randomUUID()}`;
  const hash = createHash('sha256').update(key).digest();
  await withRetry(() =>
    db.query(
      `insert into api_keys (id, name, client, scopes, key_hash) values ($1, $2, $3, $4, $5)
       on conflict (id) do nothing`,
      [id, name, client, scopes, hash],
    ),
  );
  return { id, name, client, scopes, key };
}

/** Keys in force, newest first. */
export async function listApiKeys(db: Db, { limit, cursor }: PageRequest): Promise<Page<ApiKey>> {
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select json_build_object('id', k.id, 'name', k.name, 'client', k.client,
         'scopes', k.scopes) as item, array[rfc3339(k.created_at), k.id] as place
       from api_keys k
       where k.revoked_at is null
         and ($1::timestamptz is null or (k.created_at, k.id) < ($1, $2))
       order by k.created_at desc, k.id desc limit $3 + 1`,
      [time, id, limit],
    ),
  );
  return pageOf<ApiKey>(rows, limit);
}

/** Revokes a key at once. False where none of that id was in force. */
export async function deleteApiKey(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query(
      'update api_keys set revoked_at = clock_timestamp() where id = $1 and revoked_at is null',
      [id],
    ),
  );
  return rowCount === 1;
}

/** The key in force whose SHA-256 this is, in hex; null: unknown or revoked. */
export async function findApiKey(db: Db, sha256Hex: string): Promise<ApiKey | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'find_api_key',
      text: `select id, name, client, scopes from api_keys
        where key_hash = decode($1, 'hex') and revoked_at is null`,
      values: [sha256Hex],
    }),
  );
  return rows[0] ?? null;
}

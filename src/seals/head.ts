/** The head of the chain as a small document that is kept outside, signed where there is a key. */
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify as verifyBytes,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { netstrings } from './canonical.ts';
import type { SealsState } from './sealTables.ts';

const FORMAT = 'holdfast-head-1';

const headSchema = z.strictObject({
  format: z.literal(FORMAT),
  /** Of the last seal. */
  number: z.int().min(1),
  /** Of the last seal: with it, all before is said. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of all seals together. */
  entries: z.int().min(1),
  sealedAt: z.string(),
  signature: z
    .strictObject({
      algorithm: z.literal('Ed25519'),
      /** Base64url of the 32 bytes: says which key it was, and proves nothing. */
      publicKey: z.string(),
      value: z.base64(),
    })
    .nullable(),
});

export type Head = z.infer<typeof headSchema>;

/** The head of a chain of seals; `key` null: unsigned. */
export function headOf(
  { number, hash, entries, sealedAt }: SealsState,
  key: KeyObject | null,
): Head {
  const head = { format: FORMAT, number, hash, entries, sealedAt, signature: null };
  const unsigned = headSchema.parse(head);
  if (key === null) return unsigned;
  return {
    ...unsigned,
    signature: {
      algorithm: 'Ed25519',
      publicKey: String(createPublicKey(key).export({ format: 'jwk' }).x),
      value: sign(null, signedBytes(unsigned), key).toString('base64'),
    },
  };
}

/** Reads a head's document. Throws an Error that says what is wrong with it. */
export function readHead(text: string): Head {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('it is not JSON');
  }
  const { data, error } = headSchema.safeParse(json);
  if (data) return data;
  const [issue] = error.issues;
  throw new Error(`${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}

/** Whether the head was signed with the private half of this key. */
export function isSignedBy({ signature, ...head }: Head, publicKey: KeyObject): boolean {
  if (signature === null) return false;
  const value = Buffer.from(signature.value, 'base64');
  return verifyBytes(null, signedBytes(head), publicKey, value);
}

function signedBytes({ format, number, hash, entries, sealedAt }: Omit<Head, 'signature'>): Buffer {
  return Buffer.from(netstrings([format, String(number), hash, String(entries), sealedAt]));
}

/**
 * Reads an Ed25519 key: PEM, or the path of a file with it.
 *
 * @throws an Error that does not tell what stands there
 */
export function readKey(kind: 'private' | 'public', value: string): KeyObject {
  let key: KeyObject;
  try {
    const pem = value.trimStart().startsWith('-----BEGIN') ? value : readFileSync(value, 'utf8');
    key = kind === 'private' ? createPrivateKey(pem) : createPublicKey(pem);
  } catch {
    throw new Error(`neither a ${kind} key in PEM nor a file with one that can be read`);
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new Error(`a key of ${key.asymmetricKeyType}, and Ed25519 is wanted`);
  }
  return key;
}

/**
 * Encrypts what Temporal stores: inputs, results, summaries, details, and what failures say. Search
 * attributes stay readable, since Temporal searches them; so put nothing into wallet ids that must
 * stay secret.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';

/** Keys by id. The first one encrypts; the others decrypt what they encrypted before a rotation. */
export type CodecKeys = Map<string, Buffer>;

const ENCODING = 'binary/encrypted';
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D: 96 bits, random; one key must not see more than 2^32 of them. */
const IV_BYTES = 12;
const TAG_BYTES = 16;
const { Payload: PayloadProto } = proto.temporal.api.common.v1;

/**
 * Reads `id:base64,id:base64`, newest first. Null where the text is empty: no encryption.
 *
 * @throws an Error that says which of the keys is not 32 bytes in base64, by its place: what stands
 * where the id should be may be the secret
 */
export function readCodecKeys(text: string | undefined): CodecKeys | null {
  if (!text?.trim()) return null;
  const keys: CodecKeys = new Map();
  for (const [at, item] of text.split(',').entries()) {
    const [id = '', secret = ''] = item.trim().split(':');
    const key = Buffer.from(secret, 'base64');
    const isKey = /^[A-Za-z0-9_-]{1,64}$/.test(id) && key.length === KEY_BYTES;
    if (!isKey || keys.has(id)) {
      const fault = isKey ? 'has the id of one before it' : `is not one key of ${KEY_BYTES} bytes`;
      throw new Error(
        `TEMPORAL_CODEC_KEYS: number ${at + 1} ${fault}. ` +
          'Write id:base64, newest first, such as 2026a:$(openssl rand -base64 32).',
      );
    }
    keys.set(id, key);
  }
  return keys;
}

/** What makes failures of errors then; the workflows' sandbox has to be given it as well. */
const SEALED_FAILURES = fileURLToPath(
  new URL('../../workflows/sealedFailures.ts', import.meta.url),
);

/** For the client and every worker alike; undefined where there are no keys. */
export function encryptingConverter(keys: CodecKeys | null): DataConverter | undefined {
  if (keys === null) return undefined;
  return { payloadCodecs: [createCodec(keys)], failureConverterPath: SEALED_FAILURES };
}

/** Encrypts with the newest key, decrypts with the one that a payload names. */
export function createCodec(keys: CodecKeys): PayloadCodec {
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(keys, payload)),
    decode: async (payloads) => payloads.map((payload) => decrypt(keys, payload)),
  };
}

function encrypt(keys: CodecKeys, payload: Payload): Payload {
  const [newest] = keys;
  if (!newest) throw new Error('The codec has no key.');
  const [id, key] = newest;
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv);
  // The key's id is authenticated too, so that nobody can point a payload at another key.
  cipher.setAAD(Buffer.from(id));
  const plain = PayloadProto.encode(payload).finish();
  const data = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: Buffer.from(ENCODING), key: Buffer.from(id) }, data };
}

/** What is not encrypted passes: histories from before the keys were set stay readable. */
function decrypt(keys: CodecKeys, payload: Payload): Payload {
  const { metadata, data } = payload;
  if (!metadata?.encoding || Buffer.from(metadata.encoding).toString() !== ENCODING) return payload;
  const id = Buffer.from(metadata.key ?? []).toString();
  const key = keys.get(id);
  if (!key) throw new Error(`TEMPORAL_CODEC_KEYS has no key "${id}"; old keys stay in the list.`);
  const sealed = Buffer.from(data ?? []);
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV_BYTES));
  decipher.setAAD(Buffer.from(id));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const body = sealed.subarray(IV_BYTES, -TAG_BYTES);
  return PayloadProto.decode(Buffer.concat([decipher.update(body), decipher.final()]));
}

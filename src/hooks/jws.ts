/** Detached JSON Web Signatures (RFC 7515, appendix F), as Fireblocks sends them. */
import { constants, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';
import type { HookDelivery } from '../contracts/hooks.ts';
import { deliveryIdOf } from './deliveryId.ts';
import type { Verdict } from './hmac.ts';
import type { KeySet } from './keySet.ts';

/**
 * The key's own kind decides, and the header has to agree: a name alone must not turn a public key
 * into a shared secret.
 */
const ALGORITHMS: Record<string, { keyType: string; hash: string; options: object }> = {
  RS256: { keyType: 'rsa', hash: 'sha256', options: {} },
  RS512: { keyType: 'rsa', hash: 'sha512', options: {} },
  PS256: {
    keyType: 'rsa',
    hash: 'sha256',
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
  },
  PS512: {
    keyType: 'rsa',
    hash: 'sha512',
    options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 },
  },
  ES256: { keyType: 'ec', hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } },
};

const DETACHED = /^([\w-]{1,4096})\.\.([\w-]{1,4096})$/;

const joseHeader = z.looseObject({ alg: z.string(), kid: z.string() });

/** The bytes are signed by a key that the source publishes. @throws KeysUnavailable */
export async function verifyDetachedJws(
  signatureHeader: string,
  keys: KeySet,
  { header, body }: HookDelivery,
): Promise<Verdict> {
  const [, protectedPart = '', signature = ''] = DETACHED.exec(header(signatureHeader) ?? '') ?? [];
  const said = readHeader(protectedPart);
  if (said === null) {
    return { refused: `The header ${signatureHeader} has to be a detached JWS with alg and kid.` };
  }
  // An extension that is called critical changes what is signed; none is known here.
  if ('crit' in said) return { refused: 'The JWS has critical extensions.' };
  const algorithm = Object.hasOwn(ALGORITHMS, said.alg) ? ALGORITHMS[said.alg] : undefined;
  if (!algorithm) return { refused: `Only ${Object.keys(ALGORITHMS).join(', ')} are taken.` };
  const key = await keys.find(said.kid);
  if (key === null) return { refused: 'The source does not publish the key that this names.' };
  const content = Buffer.from(`${protectedPart}.${Buffer.from(body).toString('base64url')}`);
  if (!isSigned(algorithm, key, content, Buffer.from(signature, 'base64url'))) {
    return { refused: 'The signature is not one of this source over these bytes.' };
  }
  return { deliveryId: deliveryIdOf(body) };
}

function readHeader(part: string) {
  try {
    return joseHeader.parse(JSON.parse(Buffer.from(part, 'base64url').toString('utf8')));
  } catch {
    return null;
  }
}

function isSigned(
  { keyType, hash, options }: (typeof ALGORITHMS)[string],
  key: KeyObject,
  content: Buffer,
  signature: Buffer,
): boolean {
  if (key.asymmetricKeyType !== keyType) return false;
  return verify(hash, content, { key, ...options }, signature);
}

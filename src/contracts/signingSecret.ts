/** Secrets that sign what services tell each other: Standard Webhooks' own, or any text. */

/** Stands before base64, as the specification has it. */
export const SECRET_PREFIX = 'whsec_';

/** The bytes that sign: what stands behind `whsec_` in base64, of any other text its own. */
export function keyOfSecret(secret: string): Buffer {
  return secret.startsWith(SECRET_PREFIX)
    ? Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    : Buffer.from(secret);
}

/** Below it, whoever sees one signed request could guess the secret. */
export const LEAST_SECRET_LENGTH = 16;

/** Whether the bytes that sign are enough; base64 that is none is passed over and makes fewer. */
export function isLongSecret(secret: string): boolean {
  return keyOfSecret(secret).length >= LEAST_SECRET_LENGTH;
}

/** What tells one delivery of a source from another. */
import { createHash } from 'node:crypto';

/** What a column and a log line take as it is. */
const PLAIN_ID = /^[\x21-\x7e]{1,200}$/;

/**
 * The provider's id, from a signed header or the body's own `id`; where there is none, or one that
 * nobody could read, the body's hash: the same words again are the same delivery.
 */
export function deliveryIdOf(body: Uint8Array, signedId?: string): string {
  const id = signedId ?? idIn(body);
  if (id !== null && PLAIN_ID.test(id)) return id;
  return `sha256:${createHash('sha256')
    .update(body)
    .update(signedId ?? '')
    .digest('hex')}`;
}

function idIn(body: Uint8Array): string | null {
  try {
    const id: unknown = JSON.parse(Buffer.from(body).toString('utf8'))?.id;
    return typeof id === 'string' || typeof id === 'number' ? String(id) : null;
  } catch {
    return null;
  }
}

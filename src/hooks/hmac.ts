/** Signatures by a shared secret, of the three kinds that providers send. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HookSource } from '../contracts/hookSources.ts';
import type { HookDelivery } from '../contracts/hooks.ts';
import { keyOfSecret } from '../contracts/signingSecret.ts';
import { deliveryIdOf } from './deliveryId.ts';

/** Whose hook it is, or why it is not believed, in a sentence. */
export type Verdict = { deliveryId: string } | { refused: string };

/** Tells the time in milliseconds; tests bring their own. */
export type Clock = () => number;

type Of<Kind> = Extract<HookSource, { kind: Kind }>;

/** More signatures than anybody rotates through, few enough to compare them all. */
const MOST_SIGNATURES = 16;
const FORGED = 'None of the signatures is one of this source over these bytes.';

/** `<timestamp>.<body>`, hexadecimal; several signatures stand with commas between. */
export function verifyHmac(
  { secrets, toleranceSeconds, signatureHeader, timestampHeader }: Of<'hmac'>,
  { header, body }: HookDelivery,
  now: Clock,
): Verdict {
  const timestamp = header(timestampHeader);
  const late = staleness(timestamp, toleranceSeconds, now, timestampHeader);
  if (late !== null) return { refused: late };
  const signatures = (header(signatureHeader) ?? '').split(',').map(withoutPrefix);
  const content = Buffer.concat([Buffer.from(`${timestamp}.`), body]);
  const keys = secrets.map((secret) => Buffer.from(secret));
  if (!isSigned(keys, content, signatures, 'hex')) return { refused: FORGED };
  return { deliveryId: deliveryIdOf(body) };
}

/** https://www.standardwebhooks.com, symmetric: id, time and body are signed. */
export function verifyStandard(
  { secrets, toleranceSeconds }: Of<'standard'>,
  { header, body }: HookDelivery,
  now: Clock,
): Verdict {
  const id = header('webhook-id');
  if (!id) return { refused: 'The header webhook-id is missing.' };
  const timestamp = header('webhook-timestamp');
  const late = staleness(timestamp, toleranceSeconds, now, 'webhook-timestamp');
  if (late !== null) return { refused: late };
  const signatures = (header('webhook-signature') ?? '')
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
    .map((each) => each.slice('v1,'.length));
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  const keys = secrets.map(keyOfSecret);
  if (!isSigned(keys, content, signatures, 'base64')) return { refused: FORGED };
  return { deliveryId: deliveryIdOf(body, id) };
}

/** The body alone, hexadecimal. It has no time: one that is sent again later is a duplicate. */
export function verifyAlchemy({ secrets }: Of<'alchemy'>, { header, body }: HookDelivery): Verdict {
  const keys = secrets.map((secret) => Buffer.from(secret));
  const signature = header('x-alchemy-signature') ?? '';
  if (!isSigned(keys, body, [signature], 'hex')) return { refused: FORGED };
  return { deliveryId: deliveryIdOf(body) };
}

/** `sha256=` and `v1=` are what some providers put before the digits. */
function withoutPrefix(signature: string): string {
  return signature.trim().replace(/^(sha256|v1)=/, '');
}

/** Whether one of the signatures was made by one of the keys. All are compared, in equal time. */
function isSigned(
  keys: readonly Buffer[],
  content: Uint8Array,
  signatures: readonly string[],
  encoding: 'hex' | 'base64',
): boolean {
  const given = signatures.slice(0, MOST_SIGNATURES).map((text) => Buffer.from(text, encoding));
  let isOne = false;
  for (const key of keys) {
    const right = createHmac('sha256', key).update(content).digest();
    for (const each of given) {
      if (each.length === right.length && timingSafeEqual(each, right)) isOne = true;
    }
  }
  return isOne;
}

/** Why a time is not near enough to now, in a sentence; null: it is. Seconds since 1970. */
function staleness(
  timestamp: string | undefined,
  toleranceSeconds: number,
  now: Clock,
  name: string,
): string | null {
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) {
    return `The header ${name} has to be the seconds since 1970.`;
  }
  const seconds = Math.abs(now() / 1_000 - Number(timestamp));
  if (seconds <= toleranceSeconds) return null;
  const away = Math.round(seconds);
  return `The hook was signed ${away} seconds from now; ${toleranceSeconds} at most.`;
}

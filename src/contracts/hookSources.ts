/** Who may send hooks, and how each of them signs: the variable CHAIN_HOOKS. */
import { z } from 'zod';
import { isServiceUrl } from './environment.ts';
import { readNamedSettings } from './namedSettings.ts';
import { isLongSecret, LEAST_SECRET_LENGTH } from './signingSecret.ts';

/** The new one, the old one, and room for a rotation that was forgotten. */
const MOST_SECRETS = 8;
/** What Standard Webhooks names: late enough for a slow provider, early enough against replays. */
const TOLERANCE_SECONDS = 300;
const MOST_TOLERANCE_SECONDS = 86_400;

const secret = z.string().min(LEAST_SECRET_LENGTH);
const secrets = z.array(secret).min(1).max(MOST_SECRETS);
const standardSecrets = z
  .array(secret.refine(isLongSecret, `must be ${LEAST_SECRET_LENGTH} bytes and more in base64`))
  .min(1)
  .max(MOST_SECRETS);
const toleranceSeconds = z.int().min(1).max(MOST_TOLERANCE_SECONDS).default(TOLERANCE_SECONDS);
const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/)
  .transform((name) => name.toLowerCase());

/** Keys come from there, so nobody between may change them; a test's own machine is no between. */
function isSafeUrl(text: string): boolean {
  if (!isServiceUrl(text)) return false;
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || (protocol === 'http:' && hostname === '127.0.0.1');
}

/** Several secrets count at the same time, so that one can be replaced without a gap. */
const hookSource = z.discriminatedUnion('kind', [
  /** Hexadecimal HMAC-SHA-256 over `<timestamp>.<body>`. */
  z.strictObject({
    kind: z.literal('hmac'),
    secrets,
    toleranceSeconds,
    signatureHeader: headerName.default('x-signature'),
    timestampHeader: headerName.default('x-timestamp'),
  }),
  /** https://www.standardwebhooks.com: `webhook-id`, `webhook-timestamp`, `webhook-signature`. */
  z.strictObject({
    kind: z.literal('standard'),
    secrets: standardSecrets,
    toleranceSeconds,
  }),
  /** Hexadecimal HMAC-SHA-256 over the body in `X-Alchemy-Signature`. */
  z.strictObject({ kind: z.literal('alchemy'), secrets }),
  /** A detached JWS in `Fireblocks-Webhook-Signature`, by keys that are published. */
  z.strictObject({
    kind: z.literal('fireblocks'),
    jwksUrl: z.string().refine(isSafeUrl, 'must be an https address without a user or password'),
    signatureHeader: headerName.default('fireblocks-webhook-signature'),
  }),
]);

export type HookSource = z.infer<typeof hookSource>;
export type HookSources = Readonly<Record<string, HookSource>>;

/**
 * Reads the sources by their names from JSON.
 *
 * @param faults gets a sentence for each thing that is wrong; secrets are never among the words
 */
export function readHookSources(text: string, faults: string[]): HookSources {
  return readNamedSettings('CHAIN_HOOKS', hookSource, text, faults);
}

/** Who is told what happens, and how each can be sure that it was us: the variable WEBHOOKS. */
import { z } from 'zod';
import { isServiceUrl, SERVICE_URL } from './environment.ts';
import { readNamedSettings } from './namedSettings.ts';
import { keyOfSecret, SECRET_PREFIX } from './signingSecret.ts';

/** What Standard Webhooks asks for. */
const LEAST_SECRET_BYTES = 24;
const MOST_SECRET_BYTES = 64;
/** The new one, the old one, and room for a rotation that was forgotten. */
const MOST_SECRETS = 8;
const DEFAULT_TIMEOUT_MS = 10_000;
/** A delivery is tried again by others where it takes longer; see `src/webhooks/dispatcher.ts`. */
const MOST_TIMEOUT_MS = 30_000;
/** An endpoint that answers in 100 ms hears 160 events a second from each worker. */
const DEFAULT_AT_ONCE = 16;
/** Each is a connection; one that answers in a second hears as many events a second. */
const MOST_AT_ONCE = 256;

const secret = z.string().refine((text) => {
  const bytes = keyOfSecret(text).length;
  return (
    text.startsWith(SECRET_PREFIX) && bytes >= LEAST_SECRET_BYTES && bytes <= MOST_SECRET_BYTES
  );
}, `must be ${SECRET_PREFIX} and ${LEAST_SECRET_BYTES} to ${MOST_SECRET_BYTES} bytes in base64`);

const endpoint = z.strictObject({
  url: z.string().refine(isServiceUrl, `must be ${SERVICE_URL}`),
  /** Each signs every delivery, so that one can be replaced without a gap. */
  secrets: z.array(secret).min(1).max(MOST_SECRETS),
  /** Names of events, `group.*` for all that begin so, or `*`. */
  events: z
    .array(
      z.string().regex(/^(\*|[a-z_]+\.(\*|[a-z_]+))$/, 'must be like group.settled or group.*'),
    )
    .min(1)
    .default(['*']),
  timeoutMs: z.int().min(1).max(MOST_TIMEOUT_MS).default(DEFAULT_TIMEOUT_MS),
  /** Requests that one worker has under way to it. */
  atOnce: z.int().min(1).max(MOST_AT_ONCE).default(DEFAULT_AT_ONCE),
});

export type Webhook = z.infer<typeof endpoint>;
export type Webhooks = Readonly<Record<string, Webhook>>;

/**
 * Reads the endpoints by their names from JSON.
 *
 * @param faults gets a sentence for each thing that is wrong; secrets are never among the words
 */
export function readWebhooks(text: string, faults: string[]): Webhooks {
  return readNamedSettings('WEBHOOKS', endpoint, text, faults);
}

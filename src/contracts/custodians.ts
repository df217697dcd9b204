/** Who holds the keys of assets for us: the variable CUSTODIANS. */
import { z } from 'zod';
import { isServiceUrl, SERVICE_URL } from './environment.ts';
import { readNamedSettings } from './namedSettings.ts';

/** A custodian that was asked looks a payment up in its own books; a slow one takes seconds. */
const TIMEOUT_MS = 10_000;
const MOST_TIMEOUT_MS = 60_000;
/** Long enough for a reply that was lost, and for a node that lags, to come to light. */
const FAILURE_GRACE_SECONDS = 60;
const MOST_GRACE_SECONDS = 86_400;

const custodyAsset = z.strictObject({
  /** CAIP-2 of the followed chain where payments are looked up; left out: the custodian's word. */
  chain: z
    .string()
    .regex(/^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/)
    .optional(),
  /** Token contract; left out: the native coin. */
  contract: z
    .string()
    .regex(/^0x[0-9a-fA-F]{40}$/)
    .transform((text) => text.toLowerCase())
    .optional(),
  final: z.union([z.literal('finalized'), z.literal('safe'), z.int().min(1)]).default('finalized'),
});

const custodian = z.strictObject({
  url: z.string().refine(isServiceUrl, `must be ${SERVICE_URL}`),
  token: z.string().min(16),
  timeoutMs: z.int().min(1).max(MOST_TIMEOUT_MS).default(TIMEOUT_MS),
  /** For so long a failure has to stand before what was held is given back. */
  failureGraceSeconds: z.int().min(0).max(MOST_GRACE_SECONDS).default(FAILURE_GRACE_SECONDS),
  assets: z.record(z.string().regex(/^[A-Z0-9._@-]{1,32}$/), custodyAsset),
});

export type CustodianSettings = z.infer<typeof custodian>;
export type Custodians = Readonly<Record<string, CustodianSettings>>;

/**
 * Reads the custodians by their names from JSON.
 *
 * @param faults gets a sentence for each thing that is wrong; tokens are never among the words
 */
export function readCustodians(text: string, faults: string[]): Custodians {
  const custodians = readNamedSettings('CUSTODIANS', custodian, text, faults);
  const assets = Object.values(custodians).flatMap((each) => Object.keys(each.assets));
  const twice = assets.find((asset, at) => assets.indexOf(asset) !== at);
  if (twice !== undefined) faults.push(`CUSTODIANS: ${twice} has two custodians`);
  return custodians;
}

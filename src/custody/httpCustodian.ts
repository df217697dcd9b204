/** A custodian over HTTP; `examples/custodial-provider` is the protocol's other side. */
import { z } from 'zod';
import { amountFault, canonicalAmount } from '../contracts/amounts.ts';
import type { Amount } from '../contracts/resources.ts';
import { readShortAnswer } from '../contracts/shortAnswer.ts';
import { keptReason, NO_REASON, textFault } from '../contracts/texts.ts';
import {
  type Custodian,
  CustodianUnavailable,
  type CustodyOrder,
  type CustodyRefusal,
  type CustodyWord,
  OtherPayment,
} from './custodian.ts';

export interface HttpCustodianSettings {
  /** Base URL; `/v1/transactions` is below it. */
  url: string;
  /** Sent as a bearer token. */
  token: string;
  timeoutMs: number;
}

/** A payment in the custodian's words is some hundred bytes. */
const MOST_ANSWER_BYTES = 65_536;

/** Its own words, as far as a column holds them. */
const detail = z.string().transform(keptReason);

const word = z.object({
  externalId: z.string(),
  /** Another one if it were mended, so what no column holds is no word. */
  reference: z
    .string()
    .min(1)
    .max(200)
    .refine((text) => textFault(text) === null),
  status: z.enum(['submitted', 'pending', 'confirmed', 'failed', 'rejected']),
  txid: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/)
    .nullable(),
  detail: detail.nullable(),
  /** What it pays; one that leaves them out is asked by id alone. */
  asset: z.string().optional(),
  amount: z.string().optional(),
  destination: z.string().optional(),
});
const refusal = z.object({ code: z.literal('REJECTED'), detail });
const notFound = z.object({ code: z.literal('NOT_FOUND') });

/** Connects nothing yet; each call is one request. */
export function createHttpCustodian(settings: HttpCustodianSettings): Custodian {
  return {
    async submit(order) {
      const answer = await call(settings, '/v1/transactions', order);
      if (answer.status === 422) {
        const said = refusal.safeParse(answer.body);
        if (said.success)
          return { refused: said.data.detail ?? NO_REASON } satisfies CustodyRefusal;
      }
      return read(order, answer);
    },
    async find(order) {
      const answer = await call(settings, `/v1/transactions/${encodeURIComponent(order.id)}`);
      // Only its own words say that it knows nothing: any proxy between answers 404 too.
      if (answer.status === 404 && notFound.safeParse(answer.body).success) return null;
      return read(order, answer);
    },
  };
}

interface Answer {
  status: number;
  body: unknown;
}

async function call(
  { url, token, timeoutMs }: HttpCustodianSettings,
  path: string,
  order?: CustodyOrder,
): Promise<Answer> {
  const body = order && JSON.stringify({ ...order, id: undefined, externalId: order.id });
  try {
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body }),
      // A redirect would hand the token on.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readShortAnswer(response, MOST_ANSWER_BYTES);
    return { status: response.status, body: JSON.parse(text) };
  } catch (error) {
    throw new CustodianUnavailable(`The custodian did not answer (${(error as Error).name}).`);
  }
}

function read(order: CustodyOrder, { status, body }: Answer): CustodyWord {
  const parsed = word.safeParse(body);
  if (!parsed.success || (status !== 200 && status !== 201)) {
    throw new CustodianUnavailable(`The custodian answered ${status}, not in its own words.`);
  }
  const { externalId, reference, status: said, txid, detail } = parsed.data;
  if (externalId !== order.id) {
    throw new CustodianUnavailable(`The custodian answered about ${externalId}.`);
  }
  const other = differenceOf(order, parsed.data);
  if (other !== null) {
    throw new OtherPayment(`The custodian has another payment under this id: ${other}.`);
  }
  return { reference, status: said, txid: txid?.toLowerCase() ?? null, detail };
}

/** The first field that is not as it was asked for, and what stands there; null: all are. */
function differenceOf(
  order: CustodyOrder,
  { asset, amount, destination }: z.infer<typeof word>,
): string | null {
  if (asset !== undefined && asset !== order.asset) return `asset ${asset}`;
  if (amount !== undefined && !isAmount(amount, order.amount)) return `amount ${amount}`;
  // Addresses come back in other capitals, such as those of a checksum.
  const isThere = destination?.toLowerCase() === order.destination.toLowerCase();
  return destination === undefined || isThere ? null : `destination ${destination}`;
}

function isAmount(text: string, amount: Amount): boolean {
  return amountFault(text, null) === null && canonicalAmount(text) === canonicalAmount(amount);
}

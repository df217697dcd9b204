/** A custodian over HTTP; `examples/custodial-provider` is the protocol's other side. */
import { z } from 'zod';
import {
  type Custodian,
  CustodianUnavailable,
  type CustodyOrder,
  type CustodyRefusal,
  type CustodyWord,
} from './custodian.ts';

export interface HttpCustodianSettings {
  /** Base URL; `/v1/transactions` is below it. */
  url: string;
  /** Sent as a bearer token. */
  token: string;
  timeoutMs: number;
}

const word = z.object({
  externalId: z.string(),
  reference: z.string().min(1).max(200),
  status: z.enum(['submitted', 'pending', 'confirmed', 'failed', 'rejected']),
  txid: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/)
    .nullable(),
  detail: z.string().max(500).nullable(),
});
const refusal = z.object({ code: z.literal('REJECTED'), detail: z.string().max(500) });
const notFound = z.object({ code: z.literal('NOT_FOUND') });

/** Connects nothing yet; each call is one request. */
export function createHttpCustodian(settings: HttpCustodianSettings): Custodian {
  return {
    async submit(order) {
      const answer = await call(settings, '/v1/transactions', order);
      if (answer.status === 422) {
        const said = refusal.safeParse(answer.body);
        if (said.success) return { refused: said.data.detail } satisfies CustodyRefusal;
      }
      return read(order.id, answer);
    },
    async find(id) {
      const answer = await call(settings, `/v1/transactions/${encodeURIComponent(id)}`);
      // Only its own words say that it knows nothing: any proxy between answers 404 too.
      if (answer.status === 404 && notFound.safeParse(answer.body).success) return null;
      return read(id, answer);
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
    return { status: response.status, body: await response.json() };
  } catch (error) {
    throw new CustodianUnavailable(`The custodian did not answer (${(error as Error).name}).`);
  }
}

function read(id: string, { status, body }: Answer): CustodyWord {
  const parsed = word.safeParse(body);
  if (!parsed.success || (status !== 200 && status !== 201)) {
    throw new CustodianUnavailable(`The custodian answered ${status}, not in its own words.`);
  }
  const { externalId, reference, status: said, txid, detail } = parsed.data;
  if (externalId !== id) {
    throw new CustodianUnavailable(`The custodian answered about ${externalId}.`);
  }
  return { reference, status: said, txid: txid?.toLowerCase() ?? null, detail };
}

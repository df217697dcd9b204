/**
 * A signer in a process of its own, over HTTP, so that no process of Holdfast holds a key. See
 * `examples/remote-signer` for the protocol's other side and what it has to refuse.
 */
import { z } from 'zod';
import { signedFault } from '../chains/evm/signedBytes.ts';
import { readShortAnswer } from '../contracts/shortAnswer.ts';
import { keptReason, NO_REASON } from '../contracts/texts.ts';
import { type Signed, type Signer, SignerRefused, type SigningRequest } from './signer.ts';

export interface RemoteSignerSettings {
  /** Base URL; `/v1/address` and `/v1/sign` are below it. */
  url: string;
  /** Sent as a bearer token. */
  token: string;
  timeoutMs: number;
}

/**
 * The signer did not answer, or not in its own words. Whether it signed is not known: asking again
 * is right, since the same request gives the same bytes.
 */
export class SignerUnavailable extends Error {
  override readonly name = 'SignerUnavailable';
}

const addressAnswer = z.object({ address: z.string().regex(/^0x[0-9a-fA-F]{40}$/) });
const signAnswer = z.object({
  txid: z.string().regex(/^0x[0-9a-f]{64}$/),
  bytes: z.string().regex(/^0x[0-9a-f]+$/),
});
const refusal = z.object({ code: z.literal('SIGNER_REFUSED'), detail: z.string() });

/** The status that carries a refusal; every other one but 200 leaves the outcome open. */
const REFUSED_STATUS = 422;

/** The signed bytes of the largest batch are a tenth of it. */
const MOST_ANSWER_BYTES = 1_048_576;

/**
 * Asks a remote signer for its address on a chain.
 *
 * @throws SignerUnavailable where it does not answer
 */
export async function createRemoteSigner(
  settings: RemoteSignerSettings,
  chain: string,
): Promise<Signer> {
  const asked = await call(settings, `/v1/address?chain=${encodeURIComponent(chain)}`);
  const { address } = read(addressAnswer, asked);
  const sender = address.toLowerCase();
  return { sender, sign: (request) => sign(settings, request) };
}

async function sign(settings: RemoteSignerSettings, request: SigningRequest): Promise<Signed> {
  const { groupId, chain, kind, payment, sequence, draft, path, members = [] } = request;
  const answer = await call(settings, '/v1/sign', {
    groupId,
    chain,
    kind,
    sender: payment.sender,
    destination: payment.destination,
    contract: payment.contract,
    units: String(payment.units),
    nonce: sequence,
    draft,
    path: path ?? null,
    parts:
      payment.parts?.map(({ destination, units }, place) => ({
        groupId: members[place],
        destination,
        units: String(units),
      })) ?? null,
  });
  if (answer.status === REFUSED_STATUS) {
    const said = refusal.safeParse(answer.body);
    // What no column holds would be refused by the books, again and again, and its nonce stay open.
    if (said.success) throw new SignerRefused(keptReason(said.data.detail) ?? NO_REASON);
  }
  const signed = read(signAnswer, answer);
  // Believed is what the bytes say: a wrong signer must not bring a wrong payment into the books.
  const fault = await signedFault(signed, draft, payment.sender);
  if (fault !== null) throw new SignerUnavailable(`The signer cannot be believed: ${fault}.`);
  return signed;
}

interface Answer {
  status: number;
  body: unknown;
}

async function call(
  { url, token, timeoutMs }: RemoteSignerSettings,
  path: string,
  body?: object,
): Promise<Answer> {
  try {
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      // A redirect would hand the token on.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readShortAnswer(response, MOST_ANSWER_BYTES);
    return { status: response.status, body: JSON.parse(text) };
  } catch (error) {
    // The address may hold a secret, so only the kind of failure is told.
    throw new SignerUnavailable(`The signer did not answer ${path} (${(error as Error).name}).`);
  }
}

function read<T>(shape: z.ZodType<T>, { status, body }: Answer): T {
  const parsed = shape.safeParse(body);
  if (status === 200 && parsed.success) return parsed.data;
  throw new SignerUnavailable(`The signer answered with status ${status} and no bytes.`);
}

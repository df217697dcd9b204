/**
 * A custodian, as small as it can be: it takes payments under the client's own id, signs and sends
 * them, tells how far they are, and sends signed webhooks. It can be told to lose and repeat.
 *
 *   PROVIDER_MNEMONIC="…" PROVIDER_TOKEN="…" PROVIDER_RPC_URL=http://127.0.0.1:8545 PORT=4200 \
 *     node examples/custodial-provider/server.ts
 *
 * Its book is in memory: this is an example, and forgets.
 */
import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSame, type Order, openPayment, orderFault, type Payment, readOrder } from './book.ts';
import { type Faults, NO_FAULTS } from './faults.ts';
import { walletOf } from './wallet.ts';

export interface ProviderOptions {
  token: string;
  /** Pays, and answers the transaction's id as soon as it is sent. */
  pay: (order: Order) => Promise<string>;
  /** Why a payment is not taken, in a sentence; null: it is. */
  refuse?: (order: Order) => string | null;
  /** False: payments stay `submitted` until `release` is called. */
  payAtOnce?: boolean;
  /** Where webhooks go, and what signs them (Standard Webhooks). */
  hooks?: { url: string; secret: string };
}

export interface Provider {
  server: Server;
  faults: Faults;
  /** Payments by the client's id. */
  book: ReadonlyMap<string, Payment>;
  /** How often a submission came, whatever became of it. */
  submissions(): number;
  /** Pays what waits. */
  release(externalId: string): Promise<void>;
  /** Changes what the provider says of a payment, and tells by webhook. */
  say(externalId: string, change: Partial<Payment>): Promise<void>;
}

/** Far more than any order has. */
const MAX_BODY_BYTES = 16_384;
const DEFAULT_PORT = 4_200;
const DEFAULT_ASSET = 'ETH.C';

/** Answers a server that does not listen yet. */
export function createProvider(options: ProviderOptions): Provider {
  const book = new Map<string, Payment>();
  const faults = { ...NO_FAULTS };
  let submissions = 0;
  const tell = (payment: Payment) => sendHooks(options, faults, payment);
  const release = async (externalId: string) => {
    const payment = book.get(externalId);
    if (payment?.status !== 'submitted') return;
    payment.status = 'pending';
    payment.txid = await options.pay(payment);
    await tell(payment);
  };
  const take = async (order: Order | null): Promise<[number, object]> => {
    submissions += 1;
    if (order === null) return [400, { code: 'INVALID_REQUEST' }];
    const known = book.get(order.externalId);
    if (known) return isSame(known, order) ? [200, known] : [409, { code: 'OTHER_PAYMENT' }];
    const refusal = options.refuse?.(order) ?? null;
    if (refusal !== null) return [422, { code: 'REJECTED', detail: refusal }];
    // In the book before anything is awaited: two at once find each other.
    const payment = openPayment(order);
    book.set(order.externalId, payment);
    if (options.payAtOnce !== false) await release(order.externalId);
    return [201, payment];
  };
  const server = createServer((request, response) => {
    handle({ token: options.token, book, faults, take }, request, response).catch((error) => {
      process.stderr.write(`${(error as Error).stack}\n`);
      response.destroy();
    });
  });
  return {
    server,
    faults,
    book,
    submissions: () => submissions,
    release,
    async say(externalId, change) {
      const payment = book.get(externalId);
      if (!payment) throw new Error(`There is no payment ${externalId}`);
      await tell(Object.assign(payment, change));
    },
  };
}

interface Desk {
  token: string;
  book: ReadonlyMap<string, Payment>;
  faults: Faults;
  take: (order: Order | null) => Promise<[number, object]>;
}

const PATH = '/v1/transactions';

async function handle(desk: Desk, request: IncomingMessage, response: ServerResponse) {
  const { faults } = desk;
  const answer = (status: number, body: object) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (!isKnown(request.headers.authorization, desk.token)) {
    answer(401, { code: 'UNAUTHENTICATED' });
  } else if (request.method === 'POST' && request.url === PATH) {
    const order = readOrder(await readBody(request));
    if (isTaken(faults, 'loseRequests')) return void response.destroy();
    const [status, body] = await desk.take(order);
    await sleep(faults.replyAfterMs);
    if (isTaken(faults, 'loseReplies')) return void response.destroy();
    answer(status, body);
  } else if (request.method === 'GET' && request.url?.startsWith(`${PATH}/`)) {
    if (isTaken(faults, 'loseAnswers')) return void response.destroy();
    const payment = desk.book.get(decodeURIComponent(request.url.slice(PATH.length + 1)));
    answer(payment ? 200 : 404, payment ?? { code: 'NOT_FOUND' });
  } else {
    answer(404, { code: 'NO_SUCH_PATH' });
  }
}

/** Whether this one is to go wrong; counts it down. */
function isTaken(faults: Faults, name: 'loseReplies' | 'loseRequests' | 'loseAnswers'): boolean {
  if (faults[name] === 0) return false;
  faults[name] -= 1;
  return true;
}

/** Signed as Standard Webhooks has it; the same delivery again has the same id. */
async function sendHooks({ hooks }: ProviderOptions, { repeatHooks }: Faults, payment: Payment) {
  if (!hooks) return;
  const id = randomUUID();
  const at = String(Math.floor(Date.now() / 1_000));
  const body = JSON.stringify({ type: 'transaction.updated', data: payment });
  const key = Buffer.from(hooks.secret.replace('whsec_', ''), 'base64');
  const signed = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64');
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': `v1,${signed}`,
  };
  for (let times = 0; times <= repeatHooks; times++) {
    // A webhook that is lost is no fault of the payment: clients ask as well.
    await fetch(hooks.url, { method: 'POST', headers, body }).catch(() => {});
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MAX_BODY_BYTES) throw new Error('A request is too large.');
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return null;
  }
}

function isKnown(header: string | undefined, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`));
}

function main(env: NodeJS.ProcessEnv): void {
  const { PROVIDER_MNEMONIC, PROVIDER_TOKEN: token, PROVIDER_RPC_URL: rpcUrl } = env;
  if (!PROVIDER_MNEMONIC || !token || !rpcUrl) {
    throw new Error('PROVIDER_MNEMONIC, PROVIDER_TOKEN and PROVIDER_RPC_URL are to be set.');
  }
  const { PROVIDER_HOOK_URL: url, PROVIDER_HOOK_SECRET: secret } = env;
  const pay = walletOf({ mnemonic: PROVIDER_MNEMONIC, rpcUrl });
  // Whatever else is asked for would be paid in that coin too.
  const asset = env.PROVIDER_ASSET || DEFAULT_ASSET;
  const { server } = createProvider({
    token,
    pay,
    refuse: (order) => orderFault(order, asset),
    ...(url && secret && { hooks: { url, secret } }),
  });
  server.once('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  server.listen(Number(env.PORT || DEFAULT_PORT), env.HOST || '127.0.0.1', () => {
    process.stdout.write(`paying through ${rpcUrl}\n`);
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => server.close());
  }
}

if (import.meta.main) {
  try {
    main(process.env);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}

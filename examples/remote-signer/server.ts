/**
 * A signer for Holdfast, as small as it can be and still be safe to ask twice: `GET /v1/address`,
 * `POST /v1/sign`. It holds the key and a journal; Holdfast holds neither. Keep it on a machine of
 * its own, and its key in a module that it calls, where yours is kept in an environment here.
 *
 *   SIGNER_MNEMONIC="…" SIGNER_TOKEN="…" SIGNER_CHAINS=eip155:31337 \
 *     SIGNER_JOURNAL=./signed.jsonl PORT=4100 node examples/remote-signer/server.ts
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english';
import { type Hex, keccak256, parseTransaction } from 'viem';
import { type HDAccount, mnemonicToAccount } from 'viem/accounts';
import { type Rules, refusalOf } from './decide.ts';
import { failedBatchOf } from './failedBatch.ts';
import { type Journal, openJournal } from './journal.ts';
import { readRequest } from './request.ts';

export interface SignerOptions {
  mnemonic: string;
  token: string;
  chains: readonly string[];
  maxFeeWei: bigint;
  journalPath: string;
  /** The contract that pays several withdrawals at once; left out: it signs no such payment. */
  payout?: string | undefined;
  /** A node that tells whether a batch has failed; left out: its members are not signed again. */
  rpcUrl?: string | undefined;
}

/** Far more than any request has. */
const MAX_BODY_BYTES = 524_288;
const DEFAULT_PORT = 4_100;
/** Whose xpub Holdfast derives deposit addresses from. */
const DEPOSIT_ACCOUNT = "m/44'/60'/1'";
/** 0.1 of a coin of 18 decimals. */
const DEFAULT_MAX_FEE_WEI = '100000000000000000';

/**
 * Opens the journal and answers a server that does not listen yet.
 *
 * @throws an Error where the words are no mnemonic: keys are made of misspelt ones too, and no
 *   other wallet would find their coins
 */
export function createSigner(options: SignerOptions): Server {
  if (!validateMnemonic(options.mnemonic, wordlist)) {
    throw new Error('SIGNER_MNEMONIC is no mnemonic: a word is misspelt or in another place.');
  }
  const account = mnemonicToAccount(options.mnemonic);
  const journal = openJournal(options.journalPath);
  const { chains, maxFeeWei, mnemonic } = options;
  const deposit = (path: string) =>
    mnemonicToAccount(mnemonic, { path: `${DEPOSIT_ACCOUNT}/${path}` as const });
  const rules: Rules = {
    chains,
    maxFeeWei,
    payout: options.payout?.toLowerCase() ?? null,
    sender: account.address.toLowerCase(),
    depositAddress: (path) => deposit(path).address.toLowerCase(),
  };
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    const { token, rpcUrl } = options;
    handle({ account, deposit, journal, rules, token, rpcUrl }, request, answer, response);
  });
  server.on('close', () => journal.close());
  return server;
}

interface Held {
  account: HDAccount;
  /** Keys of the deposit addresses. */
  deposit: (path: string) => HDAccount;
  journal: Journal;
  rules: Rules;
  token: string;
  rpcUrl: string | undefined;
}

type Answer = (status: number, body: object) => void;

function handle(held: Held, request: IncomingMessage, answer: Answer, to: ServerResponse): void {
  const [path, query] = request.url?.split('?') ?? [];
  if (!isKnown(request.headers.authorization, held.token)) {
    answer(401, { code: 'UNAUTHENTICATED' });
  } else if (request.method === 'GET' && path === '/v1/address') {
    const chain = new URLSearchParams(query).get('chain') ?? '';
    // Whoever hears an address takes nonces for payments that would then be refused.
    if (held.rules.chains.includes(chain)) answer(200, { address: held.rules.sender });
    else answer(404, { code: 'NO_SUCH_CHAIN' });
  } else if (request.method === 'POST' && request.url === '/v1/sign') {
    readBody(request)
      .then((body) => sign(held, body, answer))
      .catch((error: Error) => {
        process.stderr.write(`${error.stack}\n`);
        // Not 422: what went wrong here proves nothing about what was signed.
        if (!to.headersSent) answer(500, { code: 'INTERNAL' });
      });
  } else {
    answer(404, { code: 'NOT_FOUND' });
  }
}

/**
 * Decides and journals without a pause in between, so that two requests at once see each other.
 * The signature is a function of key and bytes: asked again, it is the same.
 */
async function sign(held: Held, body: unknown, answer: Answer) {
  const { account, deposit, journal, rules, rpcUrl } = held;
  const asked = readRequest(body);
  if (asked === null) {
    answer(400, { code: 'INVALID_REQUEST' });
    return;
  }
  const failed = await failedBatchOf(journal, asked, rpcUrl);
  const refusal = refusalOf(rules, journal, asked, failed);
  if (refusal !== null) {
    answer(422, { code: 'SIGNER_REFUSED', detail: `The signer refuses: ${refusal}.` });
    return;
  }
  journal.write(asked);
  const transaction = parseTransaction(asked.draft as Hex);
  const key = asked.path === null ? account : deposit(asked.path);
  const bytes = await key.signTransaction(transaction as never);
  const txid = keccak256(bytes);
  journal.writeTransaction(asked, txid);
  answer(200, { txid, bytes });
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
  const { SIGNER_MNEMONIC: mnemonic, SIGNER_TOKEN: token, SIGNER_CHAINS: chains } = env;
  if (!mnemonic || !token || !chains) {
    throw new Error('SIGNER_MNEMONIC, SIGNER_TOKEN and SIGNER_CHAINS are to be set.');
  }
  const server = createSigner({
    mnemonic,
    token,
    chains: chains.split(','),
    // An empty variable is as good as none.
    maxFeeWei: BigInt(env.SIGNER_MAX_FEE_WEI || DEFAULT_MAX_FEE_WEI),
    journalPath: env.SIGNER_JOURNAL || 'signed.jsonl',
    payout: env.SIGNER_PAYOUT_CONTRACT || undefined,
    rpcUrl: env.SIGNER_RPC_URL || undefined,
  });
  server.once('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
  const xpub = mnemonicToAccount(mnemonic, { path: DEPOSIT_ACCOUNT }).getHdKey().publicExtendedKey;
  server.listen(Number(env.PORT || DEFAULT_PORT), env.HOST || '127.0.0.1', () => {
    process.stdout.write(`signing for ${chains}; HOLDFAST_DEPOSIT_XPUB=${xpub}\n`);
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

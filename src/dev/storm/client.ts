/** A client that asks until it has an answer, and remembers the first one of each key. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of all routes, whatever they hold.
  body: any;
}

interface Asked {
  key: string;
  path: string;
  body: object;
  as: string;
  first: Answer | null;
}

export interface Client {
  get(path: string): Promise<Answer>;
  /** Without a key, asked until answered. */
  send(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
    as?: string,
  ): Promise<Answer>;
  /** Sends under a key and goes on asking in the background until there is an answer. */
  ask(key: string, path: string, body: object, as?: string): Promise<Answer>;
  /** Says something once under a key and takes any answer, or none: nothing depends on it. */
  hint(key: string, path: string, body: object): Promise<void>;
  /** Asks again what was asked before, under the same key; the answers have to agree. */
  again(at: number): Promise<void>;
  /** Every key once more. */
  againAll(): Promise<void>;
  keys(): number;
  /** How many questions have no answer yet. */
  open(): number;
  /** Answers that were not those of the first time, in sentences. */
  faults: string[];
  /** How often somebody asked once more. */
  retries(): number;
}

const PAUSE_MS = 150;
/** Longer than one call waits for its outcome and a process needs to come back. */
const CALL_TIMEOUT_MS = 15_000;

/**
 * @param keys API keys by the name of who asks
 * @param patience milliseconds after which a question that nobody answers fails
 */
export function createClient(url: string, keys: Map<string, string>, patience: number): Client {
  const asked: Asked[] = [];
  const faults: string[] = [];
  let open = 0;
  let retries = 0;
  const call = caller(url, keys);
  const until = async (
    what: string,
    isAnswer: (answer: Answer) => boolean,
    once: () => Promise<Answer>,
  ): Promise<Answer> => {
    const deadline = Date.now() + patience;
    open += 1;
    try {
      for (;;) {
        const answer = await once().catch((error: Error) => ({ status: 0, body: error.message }));
        if (answer.status > 0 && isAnswer(answer)) return answer;
        if (Date.now() > deadline) {
          throw new Error(`${what} has no answer: ${JSON.stringify(answer).slice(0, 300)}`);
        }
        retries += 1;
        await sleep(PAUSE_MS);
      }
    } finally {
      open -= 1;
    }
  };
  const isHeard = ({ status }: Answer) => status < 500 && status !== 429;
  // The two acts on a payment under way are answered by 202, which is all that they say.
  const isDecided = (path: string) => (answer: Answer) =>
    isHeard(answer) && (answer.status !== 202 || /(speed-up|cancel-on-chain)$/.test(path));
  const put = async (one: Asked): Promise<Answer> => {
    const { key, path, body, as } = one;
    const answer = await until(`POST ${path} (${key})`, isDecided(path), () =>
      call('POST', path, as, body, key),
    );
    if (one.first === null) one.first = answer;
    else if (isFrozen(one.first) && plain(answer) !== plain(one.first)) {
      faults.push(`key ${key} (${path}): first ${plain(one.first)}, then ${plain(answer)}`);
    }
    return answer;
  };
  return {
    get: (path) => until(`GET ${path}`, isHeard, () => call('GET', path, 'admin')),
    send: (method, path, body, as = 'admin') =>
      until(`${method} ${path}`, isHeard, () => call(method, path, as, body)),
    async ask(key, path, body, as = 'storm') {
      const one: Asked = { key, path, body, as, first: null };
      asked.push(one);
      return put(one);
    },
    async hint(key, path, body) {
      await call('POST', path, 'storm', body, key).catch(() => {});
    },
    async again(at) {
      const one = asked[at];
      if (one) await put(one);
    },
    async againAll() {
      for (const one of asked) await put(one);
    },
    keys: () => asked.length,
    open: () => open,
    faults,
    retries: () => retries,
  };
}

/** One call over HTTP, as whoever has the key of that name. */
function caller(url: string, keys: Map<string, string>) {
  return async (method: string, path: string, as: string, body?: object, key?: string) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${keys.get(as)}`,
        'content-type': 'application/json',
        ...(key && { 'idempotency-key': key, prefer: 'wait=5' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    return { status: response.status, body: await response.json().catch(() => null) };
  };
}

/** What is refused without a decision (400, 404 of the group, 202) is not kept for ever. */
function isFrozen({ status, body }: Answer): boolean {
  if (status === 404) return body?.code !== 'GROUP_NOT_FOUND';
  // Coins in a block that is not final can be assigned later, under the same key.
  if (body?.code === 'CHAIN_DECIDES' && body.instance.endsWith('/assign')) return false;
  // A destination that is taken from its list, or a cold address that is changed, may come back.
  if (body?.code === 'DESTINATION_NOT_ALLOWED' && body.instance.endsWith('/approve')) return false;
  return ![202, 400, 401, 403].includes(status);
}

function plain({ status, body }: Answer): string {
  const { links: _, ...rest } = body ?? {};
  return `${status} ${JSON.stringify(rest)}`;
}

/** Callers of the service's HTTP door, for benches of whole processes. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServiceClient {
  /**
   * Opens a transfer of a pair of wallets. Answers with the group's id once it is durable; with
   * null where the service was too busy to begin in time, which is final under this key.
   */
  open(key: string, settle: 'immediate' | 'manual', more?: OpenMore): Promise<string | null>;
  settle(groupId: string): Promise<void>;
  /** Anything else under a key, until it is done; null as of `open`. */
  post(path: string, key: string, body: object): Promise<Body | null>;
  /** What is told to a workflow, which goes on by itself: resolves when it was taken. */
  hint(path: string, key: string, body: object): Promise<void>;
  get(path: string): Promise<Body>;
}

/** What a transfer may say beside its legs; seconds from now to the deadline. */
export interface OpenMore {
  reference?: string;
  expiresIn?: number;
}

/** Of a group, of a list, or of a problem. */
interface Body {
  id?: string;
  /** Of a new key of the API. */
  key?: string;
  status?: string | number;
  code?: string;
  nextCursor?: string | null;
}

/** The service says 202 or 503 while it does not know yet; the same key asks again. */
const PAUSE_MS = 50;
/** A question that nobody answers for so long has gone wrong, in milliseconds. */
const PATIENCE_MS = 120_000;

/** @param urls of processes that take turns, as behind a load balancer */
export function createServiceClient(
  urls: string[],
  adminKey: string,
  pairs: [string, string][],
): ServiceClient {
  let turn = 0;
  const call = async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${adminKey}`, ...init.headers };
    const response = await fetch(urls[turn++ % urls.length] + path, { ...init, headers });
    return { status: response.status, body: (await response.json()) as Body };
  };
  const headersOf = (key: string) => ({
    'content-type': 'application/json',
    'idempotency-key': key,
  });
  const post = async (path: string, key: string, body: object) => {
    const headers = headersOf(key);
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const init = { method: 'POST', headers, body: JSON.stringify(body) };
      // A process that is being started again closes connections.
      const answer = await call(path, init).catch(() => ({ status: 503, body: null }));
      if (answer.status === 200 || answer.status === 201) return answer.body;
      if (answer.body?.code === 'NOT_ACCEPTED_IN_TIME') return null;
      if ((answer.status !== 202 && answer.status !== 503) || Date.now() > deadline) {
        throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      await sleep(PAUSE_MS);
    }
  };
  return {
    post,
    async open(key, settle, more) {
      const [from, to] = pairs[turn % pairs.length] ?? ['', ''];
      const legs = [
        { wallet: from, type: 'DEBIT', amount: '0.01' },
        { wallet: to, type: 'CREDIT', amount: '0.01' },
      ];
      return (await post('/v1/transfers', key, { legs, settle, ...more }))?.id ?? null;
    },
    async settle(groupId) {
      await post(`/v1/transfers/${encodeURIComponent(groupId)}/settle`, 'settle', {});
    },
    async hint(path, key, body) {
      const init = { method: 'POST', headers: headersOf(key), body: JSON.stringify(body) };
      const { status, body: answer } = await call(path, init);
      if (status !== 202) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
    },
    async get(path) {
      const { status, body } = await call(path);
      if (status !== 200) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
      return body;
    },
  };
}

/** Runs `work` on all items, so many at once; answers with what each took, in milliseconds. */
export async function timeEach<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<number[]> {
  const times: number[] = [];
  const left = items[Symbol.iterator]();
  const caller = async () => {
    for (let next = left.next(); !next.done; next = left.next()) {
      const begun = performance.now();
      await work(next.value);
      times.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  return times;
}

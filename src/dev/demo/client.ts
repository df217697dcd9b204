/** The demo's HTTP client: plain fetch, as any integrator would write it. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Something did not turn out as it must; the message is the sentence to print. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
}

export interface Answer<T> {
  status: number;
  body: T;
  /** True when the first answer came again (`Idempotency-Replayed`). */
  replayed: boolean;
}

export interface ApiClient {
  get<T>(path: string): Promise<T>;
  /** @param key the Idempotency-Key of a call that moves or reserves money */
  post<T>(path: string, body: object, key?: string): Promise<Answer<T>>;
  /** The same API, asked with another key. */
  withKey(apiKey: string): ApiClient;
}

const CALL_TIMEOUT_MS = 40_000;

/** @throws DemoFailure with the problem's title and detail when a call is refused */
export function createApiClient(apiUrl: string, apiKey: string): ApiClient {
  async function call<T>(method: string, path: string, init: RequestInit): Promise<Answer<T>> {
    const response = await fetch(`${apiUrl}${path}`, {
      ...init,
      method,
      headers: { ...init.headers, authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
    const body = await response.json();
    if (!response.ok) {
      const { code, detail } = body as { code?: string; detail?: string };
      throw new DemoFailure(`${method} ${path} answered ${response.status} ${code}: ${detail}`);
    }
    const replayed = response.headers.get('idempotency-replayed') === 'true';
    return { status: response.status, body: body as T, replayed };
  }
  return {
    get: async <T>(path: string) => (await call<T>('GET', path, {})).body,
    post: (path, body, key) =>
      call('POST', path, {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
      }),
    withKey: (other) => createApiClient(apiUrl, other),
  };
}

const POLL_MS = 100;

/**
 * Asks again and again until `pick` gives something.
 *
 * @throws DemoFailure that says what did not come, after `timeoutSeconds`
 */
export async function waitFor<T>(
  what: string,
  pick: () => Promise<T | null | undefined | false>,
  timeoutSeconds = 60,
): Promise<T> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  while (Date.now() < deadline) {
    const found = await pick();
    if (found) return found;
    await sleep(POLL_MS);
  }
  throw new DemoFailure(`Waited ${timeoutSeconds} s, but this did not happen: ${what}.`);
}

/** @throws DemoFailure that names what was looked at, what it is and what it must be */
export function mustBe<T>(what: string, is: T, expected: T): void {
  if (is !== expected) {
    throw new DemoFailure(`${what} is ${String(is)}, but must be ${String(expected)}.`);
  }
}

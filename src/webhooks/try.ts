/** One request to an endpoint: it ends with its answer, its time-out, or with who gives it up. */
import type { Webhook } from '../contracts/webhooks.ts';
import type { DueDelivery } from './deliveryTables.ts';
import { messageId, messageOf, signatureHeaders } from './message.ts';

/** A request that is under way. */
export interface Try {
  /** Why it was not taken, in a sentence; null: it was. */
  fault: Promise<string | null>;
  /** Waits for the answer no longer. The endpoint may have taken it. */
  giveUp(): void;
  isGivenUp(): boolean;
}

const GIVEN_UP = 'It had not answered when the worker was stopped.';

/** Sends what happened to an endpoint, signed, once. */
export function startTry(webhook: Webhook, delivery: DueDelivery): Try {
  const { timeoutMs } = webhook;
  // One of its own: signals that are made of one that lives long pile up behind it.
  const end = new AbortController();
  const late = setTimeout(() => end.abort(`It did not answer within ${timeoutMs} ms.`), timeoutMs);
  const fault = post(webhook, delivery, end.signal).finally(() => clearTimeout(late));
  return {
    fault,
    giveUp: () => end.abort(GIVEN_UP),
    isGivenUp: () => end.signal.reason === GIVEN_UP,
  };
}

async function post(
  webhook: Webhook,
  delivery: DueDelivery,
  signal: AbortSignal,
): Promise<string | null> {
  const body = JSON.stringify(messageOf(delivery));
  const seconds = Math.floor(Date.now() / 1_000);
  try {
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'holdfast-webhooks',
        ...signatureHeaders(messageId(delivery), body, webhook.secrets, seconds),
      },
      body,
      // Whoever moved says so in WEBHOOKS: what is told here is nobody else's business.
      redirect: 'manual',
      signal,
    });
    await response.body?.cancel();
    return response.ok ? null : `It answered ${response.status}.`;
  } catch (error) {
    if (signal.aborted) return signal.reason as string;
    const { message, cause } = error as Error;
    return `It could not be asked: ${(cause as Error | undefined)?.message || message}.`;
  }
}

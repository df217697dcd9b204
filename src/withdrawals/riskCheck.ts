/**
 * Asks somebody else's risk engine about a withdrawal, by HTTP. The request is signed in the form
 * of Standard Webhooks (https://www.standardwebhooks.com), so that ready libraries can check it.
 */
import { createHmac } from 'node:crypto';
import { Counter, type Registry } from 'prom-client';
import type { Amount, Metadata, Timestamp } from '../contracts/resources.ts';
import { readShortAnswer } from '../contracts/shortAnswer.ts';
import { keyOfSecret } from '../contracts/signingSecret.ts';

/** What is told of a withdrawal; `riskMeta` and `metadata` are the caller's own words. */
export interface RiskQuestion {
  /** The group's id: asked again after a time-out, it is the same one. */
  id: string;
  /** The API client that asked for it. */
  client: string;
  wallet: string;
  walletKind: string;
  owner: string;
  asset: string;
  chain: string | null;
  amount: Amount;
  fee: Amount | null;
  destination: string;
  riskMeta: Metadata | null;
  metadata: Metadata;
  createdAt: Timestamp;
}

export interface RiskVerdict {
  verdict: 'allow' | 'review' | 'deny';
  /** The engine's own words, for the timeline. */
  reason: string | null;
}

/** Throws RiskUnavailable where there is no verdict: then the withdrawal stays held. */
export type RiskCheck = (question: RiskQuestion) => Promise<RiskVerdict>;

/** No verdict; the message says why, for operators. */
export class RiskUnavailable extends Error {
  override readonly name = 'RiskUnavailable';
}

export interface RiskCheckOptions {
  url: string;
  /** Shared with the engine; `whsec_` and base64, or any text. */
  secret: string;
  timeoutMs: number;
  /** Where the answers are counted; left out: nowhere. */
  registry?: Registry;
}

/** More than any verdict needs; an answer that is longer is somebody's error page. */
const MOST_ANSWER_BYTES = 65_536;
/** As long as a person's reason (API.md, Transfer groups). */
const MOST_REASON_CHARACTERS = 500;

/** Makes the check. Nothing is asked before it is called. */
export function createRiskCheck(options: RiskCheckOptions): RiskCheck {
  const answers = new Counter({
    name: 'holdfast_risk_checks_total',
    help: 'Answers of the risk check: allow, review, deny, or unavailable',
    labelNames: ['answer'],
    registers: options.registry ? [options.registry] : [],
  });
  return async (question) => {
    try {
      const verdict = readVerdict(await post(options, question));
      answers.inc({ answer: verdict.verdict });
      return verdict;
    } catch (error) {
      answers.inc({ answer: 'unavailable' });
      throw error;
    }
  };
}

async function post(options: RiskCheckOptions, question: RiskQuestion): Promise<string> {
  const { url, secret, timeoutMs } = options;
  const body = JSON.stringify(question);
  const timestamp = String(Math.floor(Date.now() / 1_000));
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      // A redirect would send the signed request to somebody else.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': 'application/json',
        'idempotency-key': question.id,
        'webhook-id': question.id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signature(secret, `${question.id}.${timestamp}.${body}`),
      },
    });
    const text = await readShortAnswer(response, MOST_ANSWER_BYTES);
    // 202 and the like may come before anybody has looked.
    if (response.status === 200) return text;
    throw new RiskUnavailable(`it answered ${response.status}`);
  } catch (error) {
    if (error instanceof RiskUnavailable) throw error;
    if (error instanceof RangeError) throw new RiskUnavailable('its answer is too long');
    const { name, message, cause } = error as Error;
    if (name === 'TimeoutError') throw new RiskUnavailable(`no answer within ${timeoutMs} ms`);
    const why = cause instanceof Error ? cause.message : message;
    throw new RiskUnavailable(`it cannot be reached (${why})`);
  }
}

/** `v1,<base64 of HMAC-SHA-256>` over id, timestamp and body, as Standard Webhooks has it. */
function signature(secret: string, content: string): string {
  const hmac = createHmac('sha256', keyOfSecret(secret));
  return `v1,${hmac.update(content).digest('base64')}`;
}

/** What cannot be understood is no verdict: to guess would be to pay. */
function readVerdict(text: string): RiskVerdict {
  let answer: { verdict?: unknown; reason?: unknown } | null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new RiskUnavailable('its answer is no JSON');
  }
  const verdict = answer?.verdict;
  if (verdict !== 'allow' && verdict !== 'review' && verdict !== 'deny') {
    throw new RiskUnavailable('its answer has no verdict allow, review or deny');
  }
  const reason = typeof answer?.reason === 'string' ? answer.reason : null;
  return { verdict, reason: reason && storable(reason) };
}

/** Postgres holds no U+0000 and no half of a pair. */
function storable(text: string): string {
  return text
    .replaceAll('\u0000', '')
    .toWellFormed()
    .slice(0, MOST_REASON_CHARACTERS)
    .toWellFormed();
}

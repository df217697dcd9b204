/** What a step of a payout run came to, as a problem and as a word of the metrics. */
import type { OpenedPayoutRun, PayoutOutcome } from '../contracts/payouts.ts';
import { keyReused } from './outcomes.ts';
import { Problem } from './problem.ts';
import { differingFields } from './requestDiff.ts';
import { MOST_TOLD } from './validation.ts';

type Outcome = PayoutOutcome | OpenedPayoutRun;

/** A word for the metric: a problem's code, or how it went well. */
export function payoutWord(outcome: Outcome): string {
  switch (outcome.outcome) {
    case 'done':
      if ('begun' in outcome && !outcome.begun) return 'accepted';
      return outcome.replayed ? 'replayed' : 'done';
    case 'refused':
      return outcome.refusal.code;
    case 'key_reused':
      return 'IDEMPOTENCY_KEY_REUSED';
    case 'not_found':
      return 'NOT_FOUND';
    case 'unavailable':
      return outcome.code;
  }
}

/** The problem that an outcome stands for, where it is no success. */
export function payoutProblem(outcome: Exclude<Outcome, { outcome: 'done' }>, runId: string) {
  switch (outcome.outcome) {
    case 'refused': {
      const { code, detail, errors = [] } = outcome.refusal;
      const headers: Record<string, string> = outcome.replayed
        ? { 'Idempotency-Replayed': 'true' }
        : {};
      return new Problem(code, detail, { errors, headers });
    }
    case 'key_reused':
      return keyReused(differingFields(outcome.stored, outcome.asked).slice(0, MOST_TOLD));
    case 'not_found':
      return new Problem('NOT_FOUND', `There is no payout run ${runId}.`);
    case 'unavailable':
      return new Problem(outcome.code, outcome.detail, {
        headers: { 'Retry-After': String(outcome.retryAfterSeconds) },
      });
  }
}

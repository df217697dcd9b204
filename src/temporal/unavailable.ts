import type { NoOutcome } from '../contracts/sagas.ts';

/** Seconds after which a caller may ask again; its key makes that safe. */
const RETRY_AFTER_SECONDS = 2;

/** Temporal refused, or it is not known what became of the call. */
export function unavailable(detail: string): Extract<NoOutcome, { outcome: 'unavailable' }> {
  return {
    outcome: 'unavailable',
    code: 'UNAVAILABLE',
    detail: `${detail} Ask again with the same key; nothing will happen twice.`,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  };
}

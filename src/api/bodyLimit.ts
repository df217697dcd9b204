import { bodyLimit as honoBodyLimit } from 'hono/body-limit';
import { Problem } from './problem.ts';

/** 1 MiB: a thousand legs with room for metadata, far below Temporal's 2 MB for a payload. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * 8 MiB: 10,000 lines with wallets, amounts and references as long as they may be, twice over. They
 * go to Postgres and not to Temporal.
 */
const MAX_PAYOUT_BODY_BYTES = 8 * 1024 * 1024;

/** Refuses larger bodies with 413, by their declared length or while they are read. */
export const bodyLimit = limitTo(MAX_BODY_BYTES, '1 MiB');

/** The same for lists of payouts. */
export const payoutBodyLimit = limitTo(MAX_PAYOUT_BODY_BYTES, '8 MiB');

function limitTo(maxSize: number, inWords: string) {
  return honoBodyLimit({
    maxSize,
    onError: () => {
      throw new Problem('BODY_TOO_LARGE', `A body has at most ${maxSize} bytes (${inWords}).`);
    },
  });
}

/** The ledger's steps as the workflows call them. */
import { type LocalActivityOptions, proxyLocalActivities } from '@temporalio/workflow';
import type { createLedgerActivities } from '../activities/ledgerActivities.ts';

/**
 * How a step of the ledger is tried: as a local activity, since a step is one round trip to
 * Postgres and a task of its own would cost more. Whatever is unexpected is tried again without
 * end: a refusal is a plain result, so an error means that the ledger did not answer, and to go on
 * without its answer is never right.
 *
 * Back-off beyond `localRetryThreshold` becomes a timer of the server, with the last error in the
 * history, so that a long outage costs a few events a minute and can be read in the UI.
 */
export const LEDGER_STEP = {
  /** Above the session's statement_timeout, so that Postgres gives up before the activity does. */
  startToCloseTimeout: '15 seconds',
  localRetryThreshold: '5 seconds',
  retry: {
    initialInterval: '100 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
  },
} as const satisfies LocalActivityOptions;

export const ledger = proxyLocalActivities<ReturnType<typeof createLedgerActivities>>(LEDGER_STEP);

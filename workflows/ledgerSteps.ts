/** The ledger's steps as the workflows call them. */
import { proxyLocalActivities } from '@temporalio/workflow';
import type { createLedgerActivities } from '../activities/ledgerActivities.ts';

/**
 * Local activities: a step is one round trip to Postgres, so a task of its own would cost more than
 * the step. Whatever is unexpected is tried again without end: a refusal is a plain result, so an
 * error means that the ledger did not answer, and to go on without its answer is never right.
 *
 * Back-off beyond `localRetryThreshold` becomes a timer of the server, with the last error in the
 * history, so that a long outage costs a few events a minute and can be read in the UI.
 */
export const ledger = proxyLocalActivities<ReturnType<typeof createLedgerActivities>>({
  /** Above the session's statement_timeout, so that Postgres gives up before the activity does. */
  startToCloseTimeout: '15 seconds',
  localRetryThreshold: '5 seconds',
  retry: {
    initialInterval: '100 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
  },
});

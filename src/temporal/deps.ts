import type { Client } from '@temporalio/client';
import type { createLedgerActivities } from '../../activities/ledgerActivities.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import type { StartsAhead } from './aheadOfStart.ts';
import type { HeadStarts } from './headStart.ts';
import type { Outcomes } from './outcomes.ts';

/** What the sweeper stands on. */
export interface SweepDeps {
  client: Client;
  db: Db;
  log: Log;
}

/** What the gateway stands on. */
export interface SagaDeps extends SweepDeps {
  /** Where the ledger's steps of this process tell their outcomes. */
  outcomes: Outcomes;
  /** Where the gateway offers a step that its worker may begin early. */
  headStarts: HeadStarts;
  /** Writes what Temporal is being told of. */
  startsAhead: StartsAhead;
  /** The ledger's steps, called directly: where no saga is needed, or before it asks for them. */
  steps: ReturnType<typeof createLedgerActivities>;
}

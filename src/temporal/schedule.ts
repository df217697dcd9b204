/** The schedules of a namespace: the sweeper, and the comparison of the books with the chain. */
import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import { RECONCILE_SCHEDULE_ID, SAGA_TASK_QUEUE, WORKFLOW } from '../contracts/sagas.ts';

const REPAIR_SCHEDULE_ID = 'holdfast-repair';

/** A minute: what a group may be without a saga at most, beside the minute that it must be old. */
const EVERY = '1 minute';
/** A server that was down runs the sweep once when it is back, not once per minute missed. */
const CATCHUP_WINDOW = '2 minutes';

/**
 * Ten minutes: what a thief may have before payments stop by themselves, against thousands of
 * balances that a node is asked for each time.
 */
const RECONCILE_EVERY = '10 minutes';

/** Creates the sweeper's schedule where it is missing; an operator's changes to it stay. */
export function ensureRepairSchedule(client: Client): Promise<void> {
  return ensureSchedule(client, {
    scheduleId: REPAIR_SCHEDULE_ID,
    every: EVERY,
    workflowType: WORKFLOW.repair,
    summary: 'Sweeper: finds open groups without a saga and starts it again',
    note: 'Open groups older than a minute are looked up by id, of very many a part a minute.',
  });
}

/** Likewise the schedule that compares the books with the chain. */
export function ensureReconcileSchedule(client: Client): Promise<void> {
  return ensureSchedule(client, {
    scheduleId: RECONCILE_SCHEDULE_ID,
    every: RECONCILE_EVERY,
    workflowType: WORKFLOW.reconcile,
    summary: 'Reconciliation: compares the coins on all our addresses with the books',
    note: 'What is off above its tolerance has its withdrawals paused; only a person lifts that.',
  });
}

interface Planned {
  scheduleId: string;
  every: typeof EVERY | typeof RECONCILE_EVERY;
  workflowType: string;
  summary: string;
  note: string;
}

async function ensureSchedule(
  client: Client,
  { scheduleId, every, workflowType, summary, note }: Planned,
): Promise<void> {
  const options: ScheduleOptions = {
    scheduleId,
    spec: { intervals: [{ every }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP_WINDOW },
    action: {
      type: 'startWorkflow',
      workflowType,
      workflowId: scheduleId,
      taskQueue: SAGA_TASK_QUEUE,
      args: [],
      staticSummary: summary,
    },
    state: { note },
  };
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

/** The schedule that runs the sweeper. */
import { type Client, ScheduleAlreadyRunning, ScheduleOverlapPolicy } from '@temporalio/client';
import { SAGA_TASK_QUEUE, WORKFLOW } from '../contracts/sagas.ts';

const REPAIR_SCHEDULE_ID = 'holdfast-repair';

/** A minute: what a group may be without a saga at most, beside the minute that it must be old. */
const EVERY = '1 minute';
/** A server that was down runs the sweep once when it is back, not once per minute missed. */
const CATCHUP_WINDOW = '2 minutes';

/** Creates the schedule where it is missing; an operator's changes to it stay. */
export async function ensureRepairSchedule(client: Client): Promise<void> {
  try {
    await client.schedule.create({
      scheduleId: REPAIR_SCHEDULE_ID,
      spec: { intervals: [{ every: EVERY }] },
      policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP_WINDOW },
      action: {
        type: 'startWorkflow',
        workflowType: WORKFLOW.repair,
        workflowId: REPAIR_SCHEDULE_ID,
        taskQueue: SAGA_TASK_QUEUE,
        args: [],
        staticSummary: 'Sweeper: finds open groups without a saga and starts it again',
      },
      state: { note: 'Every open group older than a minute is looked up by id.' },
    });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}

/** The sweeper's walks; `workflows/repair.ts` calls them batch by batch. */
import type {
  SweepDeps as Sweep,
  SweepCursor,
  SweepPart,
} from '../../activities/sweepActivities.ts';
import { FIRST_STEP } from '../contracts/sagas.ts';
import { readGroup } from '../ledger/groups.ts';
import { listOpenGroups, type OpenGroup } from '../ledger/openGroups.ts';
import { replay } from '../ledger/replay.ts';
import { alertLedgerBehind, buryUnbegun, type ClientSaga, endOfSaga } from './closedSaga.ts';
import type { SweepDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { isTurnOf, listedAsRunning } from './listedSagas.ts';
import { sweepPayoutRuns } from './payoutRuns.ts';
import { repairOpenGroup } from './repair.ts';
import { inputOfSaga } from './runningSaga.ts';

/** A younger group is being started or is about to be found by its own request. */
const OLDER_THAN_SECONDS = 60;
/** Groups a batch: one question to Temporal's list, whose answer stays below its 4 MB. */
const BATCH = 500;
/** Of those that are looked up by id: each takes milliseconds of the server. */
const AT_ONCE = 10;
/** How far back ended sagas are looked for; many sweeps long, so that a late list misses none. */
const ENDED_WITHIN_MS = 30 * 60_000;

/** The walks over one ledger and one namespace. */
export function createSweep(deps: SweepDeps): Sweep {
  return {
    sweepOpenGroups: (after, onProgress) => sweepOpenGroups(deps, after, onProgress),
    sweepPayoutRuns: async (onProgress) => {
      const swept = await sweepPayoutRuns(deps, onProgress);
      return { next: null, buried: 0, ...swept };
    },
    sweepEndedSagas: (onProgress) => sweepEndedSagas(deps, onProgress),
  };
}

async function sweepOpenGroups(
  deps: SweepDeps,
  after: SweepCursor,
  onProgress: () => void,
): Promise<SweepPart> {
  const page = { olderThanSeconds: OLDER_THAN_SECONDS, after, limit: BATCH };
  const { data, nextCursor } = await listOpenGroups(deps.db, page);
  const asked = await needsLook(deps, data);
  onProgress();
  let restarted = 0;
  await inParallel(asked, async (open) => {
    if (await repairOpenGroup(deps, open)) restarted += 1;
    onProgress();
  });
  return { next: nextCursor, looked: data.length, restarted, buried: 0 };
}

/** Those whose saga the list does not know as running, and those whose turn it is. */
async function needsLook({ client, log }: SweepDeps, open: OpenGroup[]): Promise<OpenGroup[]> {
  const now = new Date();
  try {
    const running = await listedAsRunning(
      client,
      open.map(({ id }) => id),
    );
    return open.filter(({ id, createdAt }) => !running.has(id) || isTurnOf(createdAt, now));
  } catch (error) {
    const reason = faultOf(error).detail;
    log.warn({ reason }, 'Temporal lists nothing now; the sweeper looks each saga up by its id');
    return open;
  }
}

/**
 * Sagas that were terminated leave no row when that came before their first step, so they are found
 * in Temporal's list. One whose step had run and left no row either means a restored database.
 */
async function sweepEndedSagas(deps: SweepDeps, onProgress: () => void): Promise<SweepPart> {
  const types = Object.keys(FIRST_STEP).map((type) => `'${type}'`);
  const since = new Date(Date.now() - ENDED_WITHIN_MS).toISOString();
  const query =
    `WorkflowType IN (${types.join(', ')}) AND ` +
    `ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut') AND CloseTime > '${since}'`;
  const part = { next: null, looked: 0, restarted: 0, buried: 0 };
  for await (const { workflowId, runId, type } of deps.client.workflow.list({ query })) {
    part.looked += 1;
    if (await buryIfUnbegun(deps, type as ClientSaga, workflowId, runId)) part.buried += 1;
    onProgress();
  }
  return part;
}

async function buryIfUnbegun(
  deps: SweepDeps,
  type: ClientSaga,
  groupId: string,
  runId: string,
): Promise<boolean> {
  if (await readGroup(deps.db, groupId)) return false;
  const input = (await inputOfSaga(deps.client, groupId, runId)) as { client: string };
  // A deposit that is known under another key has an answer and no group of its own.
  if (await replay(deps.db, FIRST_STEP[type], input as never)) return false;
  const end = await endOfSaga(deps.client, groupId);
  if (end === 'after first step') alertLedgerBehind(deps, groupId);
  if (end !== 'before first step') return false;
  await buryUnbegun(deps, type, { groupId, client: input.client });
  return true;
}

async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const run = async () => {
    for (const item of left) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, run));
}

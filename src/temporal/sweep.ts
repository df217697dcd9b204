/** The sweeper's walks; `workflows/repair.ts` calls them batch by batch. */
import type {
  OpenGroupsPart,
  SweepDeps as Sweep,
  SweepCursor,
  SweepPart,
} from '../../activities/sweepActivities.ts';
import { CUSTODY_WATCH_MS, FIRST_STEP } from '../contracts/sagas.ts';
import { readGroup } from '../ledger/groups.ts';
import {
  listOpenGroups,
  listWatchedPayments,
  type OpenGroup,
  readOpenGroup,
  timeAgo,
} from '../ledger/openGroups.ts';
import type { Page } from '../ledger/page.ts';
import { replay } from '../ledger/replay.ts';
import { alertLedgerBehind, buryUnbegun, type ClientSaga, endOfSaga } from './closedSaga.ts';
import type { SweepDeps } from './deps.ts';
import { actOnOverdue } from './overdue.ts';
import { sweepPayoutRuns } from './payoutRuns.ts';
import { repairOpenGroup } from './repair.ts';
import { inputOfSaga } from './runningSaga.ts';
import { sweepOne } from './sweepOne.ts';
import { cursorOf, MOST_LOOKED_UP, walkAt } from './sweepWalk.ts';
import { tellHints } from './wake.ts';

/** A younger group is being started or is about to be found by its own request. */
const OLDER_THAN_SECONDS = 60;
/** Groups a batch: with ten at once it takes a second or two, well within the heartbeat. */
const BATCH = 200;
const AT_ONCE = 10;
/** So many of one batch without a saga: Temporal lost more than somebody ended by hand. */
const MANY_LOST = 10;
/** How far back ended sagas are looked for; many sweeps long, so that a late list misses none. */
const ENDED_WITHIN_MS = 30 * 60_000;
/** Short of the whole watch, since a saga that comes to its end by itself is not gone. */
const WATCHED_WITHIN_SECONDS = CUSTODY_WATCH_MS / 1_000 - 600;
/** Payments that custodians failed, of one look at the books; a day has a handful. */
const WATCHED_AT_ONCE = 500;

/**
 * The walks over one ledger and one namespace.
 *
 * @param most open groups that one pass looks up; of more it takes some
 */
export function createSweep(
  deps: SweepDeps,
  { most = MOST_LOOKED_UP, watchedAtOnce = WATCHED_AT_ONCE } = {},
): Sweep {
  return {
    sweepOpenGroups: (cursor, onProgress) => sweepOpenGroups(deps, most, cursor, onProgress),
    sweepPayoutRuns: async (onProgress) => {
      const swept = await sweepPayoutRuns(deps, onProgress);
      return { next: null, buried: 0, ...swept };
    },
    sweepEndedSagas: async (onProgress) => {
      const told = await tellHints(deps, onProgress);
      const ended = await sweepEndedSagas(deps, onProgress);
      const part = { ...ended, looked: ended.looked + told };
      return sweepWatchedPayments(deps, watchedAtOnce, part, onProgress);
    },
  };
}

/** One batch. Where many have no saga, the pass begins anew and goes through all there are. */
async function sweepOpenGroups(
  deps: SweepDeps,
  most: number,
  cursor: SweepCursor,
  onProgress: () => void,
): Promise<OpenGroupsPart> {
  const begin = async (left: number | null) => {
    return { until: await timeAgo(deps.db, OLDER_THAN_SECONDS), left, after: null };
  };
  const walk = walkAt(cursor) ?? (await begin(most));
  const limit = Math.min(BATCH, walk.left ?? BATCH);
  const { data, nextCursor } = await listOpenGroups(deps.db, { ...walk, limit });
  let restarted = 0;
  await inParallel(data, async (open) => {
    await sweepOne(deps, open.id, async () => {
      if (await repairOpenGroup(deps, open)) restarted += 1;
      // One that was brought back just now acts at its deadline by itself.
      else await actOnOverdue(deps, open);
    });
    onProgress();
  });
  const part = { next: null, rest: null, looked: data.length, restarted, buried: 0 };
  if (walk.left !== null && restarted >= MANY_LOST) {
    return { ...part, next: cursorOf(await begin(null)) };
  }
  if (nextCursor === null) return part;
  const left = walk.left && walk.left - data.length;
  const on = { ...walk, after: nextCursor };
  if (left === 0) return { ...part, rest: cursorOf({ ...on, left: most }) };
  return { ...part, next: cursorOf({ ...on, left }) };
}

/**
 * Sagas that ended by force are found in Temporal's list, whichever part of the open groups a pass
 * looks up. One that was terminated before its first step left no row at all; one whose step had
 * run and left no row either means a restored database.
 */
async function sweepEndedSagas(deps: SweepDeps, onProgress: () => void): Promise<SweepPart> {
  const since = new Date(Date.now() - ENDED_WITHIN_MS).toISOString();
  const ended = "ExecutionStatus IN ('Terminated', 'Failed', 'TimedOut')";
  const query = `${ended} AND CloseTime > '${since}'`;
  const part = { next: null, looked: 0, restarted: 0, buried: 0 };
  for await (const { workflowId, runId, type } of deps.client.workflow.list({ query })) {
    part.looked += 1;
    await sweepOne(deps, workflowId, async () => {
      const open = await readOpenGroup(deps.db, workflowId);
      if (open && (await repairOpenGroup(deps, open))) part.restarted += 1;
      const isClients = !open && type in FIRST_STEP;
      if (isClients && (await buryIfUnbegun(deps, type as ClientSaga, workflowId, runId)))
        part.buried += 1;
    });
    onProgress();
  }
  return part;
}

/** A custodian may pay what it failed, so the saga of such a payment runs on after its group. */
async function sweepWatchedPayments(
  deps: SweepDeps,
  atOnce: number,
  before: SweepPart,
  onProgress: () => void,
): Promise<SweepPart> {
  const part = { ...before };
  for await (const payment of watchedPayments(deps, atOnce)) {
    part.looked += 1;
    await sweepOne(deps, payment.id, async () => {
      if (await repairOpenGroup(deps, payment)) part.restarted += 1;
    });
    onProgress();
  }
  return part;
}

async function* watchedPayments({ db }: SweepDeps, limit: number): AsyncGenerator<OpenGroup> {
  let after: string | null = null;
  do {
    const page = { withinSeconds: WATCHED_WITHIN_SECONDS, after, limit };
    const { data, nextCursor }: Page<OpenGroup> = await listWatchedPayments(db, page);
    yield* data;
    after = nextCursor;
  } while (after !== null);
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

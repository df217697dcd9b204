/** Payout runs and their lines as they stand. */
import type {
  PayoutLine,
  PayoutLineStatus,
  PayoutRun,
  PayoutRunStatus,
} from '../contracts/payouts.ts';
import type { TimelineItem } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import {
  NUMBER_PART,
  newestPage,
  oneBeyond,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TEXT_PART,
  TIME_PART,
} from './page.ts';
import { readTimeline } from './timeline.ts';

/** The run as it stands, or null where there is none of that id. */
export async function readPayoutRun(db: Db, id: string): Promise<PayoutRun | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'read_payout_run',
      text: 'select payout_run_json(r) as run from payout_runs r where r.id = $1',
      values: [id],
    }),
  );
  return rows[0]?.run ?? null;
}

/** Runs, newest first. */
export async function listPayoutRuns(
  db: Db,
  { status }: { status?: PayoutRunStatus | undefined },
  { limit, cursor }: PageRequest,
): Promise<Page<PayoutRun>> {
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const where = new Conditions()
    .add('r.status = $', status)
    .add('(r.created_at, r.id) < ($, $)', time, id);
  const { rows } = await withRetry(() =>
    db.query(
      `select payout_run_json(r) as item, array[rfc3339(r.created_at), r.id] as place
       from payout_runs r ${where.sql}
       ${newestPage('r', limit)}`,
      where.values,
    ),
  );
  return pageOf<PayoutRun>(rows, limit);
}

/** A run's lines in their order. */
export async function listPayoutLines(
  db: Db,
  runId: string,
  { status }: { status?: PayoutLineStatus | undefined },
  { limit, cursor }: PageRequest,
): Promise<Page<PayoutLine>> {
  const [line] = placeOf(cursor, [NUMBER_PART]);
  const where = new Conditions()
    .add('l.run_id = $', runId)
    .add('l.status = $', status)
    .add('l.line > $::bigint', line);
  const { rows } = await withRetry(() =>
    db.query(
      `select payout_line_json(l) as item, array[l.line::text] as place
       from payout_lines l ${where.sql} order by l.line ${oneBeyond(limit)}`,
      where.values,
    ),
  );
  return pageOf<PayoutLine>(rows, limit);
}

/** What happened to a run, oldest first. Its lines are not repeated: `listPayoutLines` has them. */
export async function readPayoutTimeline(db: Db, runId: string): Promise<TimelineItem[]> {
  const items = await readTimeline(db, runId);
  return items.map((item) => {
    const { lines, ...request } = (item.detail.request ?? {}) as Record<string, unknown>;
    return lines === undefined ? item : { ...item, detail: { ...item.detail, request } };
  });
}

interface OpenPayoutRunsPage {
  olderThanSeconds: number;
  /** The last run of the page before; null: the first page. */
  after: PayoutRun | null;
  limit: number;
}

/** Runs under way that are older than so many seconds, oldest first, a page of them. */
export async function listOpenPayoutRuns(
  db: Db,
  { olderThanSeconds, after, limit }: OpenPayoutRunsPage,
): Promise<PayoutRun[]> {
  const { rows } = await withRetry(() =>
    db.query(
      `select payout_run_json(r) as run from payout_runs r
       where r.finished_at is null
         and r.created_at < statement_timestamp() - make_interval(secs => $1)
         and (r.created_at, r.id) > ($3, $4)
       order by r.created_at, r.id limit $2`,
      [olderThanSeconds, limit, after?.createdAt ?? '-infinity', after?.id ?? ''],
    ),
  );
  return rows.map(({ run }) => run);
}

/** Withdrawals that a cancelled run has given back. */
export async function listGivenBack(db: Db, runId: string): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'payout_given_back',
      text: 'select group_id as id from payout_given_back($1)',
      values: [runId],
    }),
  );
  return rows.map(({ id }) => id);
}

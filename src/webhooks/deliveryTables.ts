/** The database's part of telling others; see migrations 0075 and 0076. */
import type { Timestamp } from '../contracts/resources.ts';
import type { Webhooks } from '../contracts/webhooks.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** One announcement that one endpoint is to be told now. */
export interface DueDelivery {
  /** In the order of announcing. */
  id: string;
  groupId: string;
  event: string;
  operation: string;
  /** When it happened. */
  at: Timestamp;
  /** How often it was tried, this try included. */
  tries: number;
  /** What the step answered, as JSON; null where no step stands behind it. */
  answer: string | null;
}

/** What an endpoint waits for. */
export interface EndpointState {
  name: string;
  waiting: number;
  /** Age of the oldest, in seconds. */
  oldestSeconds: number | null;
  /** What the last try of the oldest came to. */
  fault: string | null;
}

/** Makes them known. One that is new hears what happens from now on. */
export async function registerEndpoints(db: Db, webhooks: Webhooks): Promise<void> {
  const names = Object.keys(webhooks).sort();
  for (const name of names) {
    const events = webhooks[name]?.events.map(likePattern);
    await withRetry(() =>
      db.query(
        `insert into webhook_endpoints (name, events, after_id, named_at)
           values ($1, $2, coalesce((select max(id) from outbox), 0), clock_timestamp())
         on conflict (name) do update
           set events = excluded.events, named_at = excluded.named_at`,
        [name, events],
      ),
    );
  }
}

/** Says that somebody still tells them. Written once an hour, however often it is said. */
export async function noteNamed(db: Db, names: readonly string[]): Promise<void> {
  await withRetry(() =>
    db.query({
      name: 'webhook_note_named',
      text: `update webhook_endpoints set named_at = clock_timestamp()
        where name = any($1) and named_at < clock_timestamp() - interval '1 hour'`,
      values: [names],
    }),
  );
}

/**
 * Forgets endpoints that no worker has named for so long, and what they have not taken, at most
 * `limit` deliveries a call. Answers the names of those that are gone.
 */
export async function forgetUnnamed(
  db: Db,
  { own, keptSeconds, limit }: { own: readonly string[]; keptSeconds: number; limit: number },
): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query<{ name: string }>({
      name: 'webhook_forget_unnamed',
      text: 'select name from webhook_forget_unnamed($1, $2, $3)',
      values: [own, keptSeconds, limit],
    }),
  );
  return rows.map(({ name }) => name);
}

/** `group.*` → `group.%`; an underscore stands for itself. */
function likePattern(event: string): string {
  return event.replaceAll('_', '\\_').replace('*', '%');
}

/** Hands announcements out of the outbox to all who asked for them. Answers how many. */
export async function handOut(db: Db, limit: number): Promise<number> {
  const { rows } = await withRetry(() =>
    db.query<{ taken: number }>({
      name: 'webhook_hand_out',
      text: 'select webhook_hand_out($1) as taken',
      values: [limit],
    }),
  );
  return rows[0]?.taken ?? 0;
}

/**
 * Takes away what is older and was announced to nobody, since no endpoint was ever named, or all
 * were removed. Answers how many.
 */
export async function forgetUnheard(
  db: Db,
  { keptSeconds, limit }: { keptSeconds: number; limit: number },
): Promise<number> {
  const { rows } = await withRetry(() =>
    db.query<{ gone: number }>({
      name: 'webhook_forget_unheard',
      text: 'select webhook_forget_unheard($1, $2) as gone',
      values: [keptSeconds, limit],
    }),
  );
  return rows[0]?.gone ?? 0;
}

/** Takes deliveries that are due, of each group the first; nobody else gets them meanwhile. */
export async function dueDeliveries(
  db: Db,
  endpoint: string,
  limit: number,
  leaseSeconds: number,
): Promise<DueDelivery[]> {
  const { rows } = await db.query<DueDelivery>({
    name: 'webhook_due',
    text: `select id::text, group_id as "groupId", event, step_key as operation,
        rfc3339(created_at) as at, tries, answer
      from webhook_due($1, $2, $3)`,
    values: [endpoint, limit, leaseSeconds],
  });
  return rows;
}

/** The endpoint has taken it: what waited for that, of the same group, is due. */
export async function noteDelivered(db: Db, endpoint: string, id: string): Promise<void> {
  await withRetry(() =>
    db.query({
      name: 'webhook_delivered',
      text: `with gone as (
          delete from webhook_deliveries where endpoint = $1 and id = $2 returning group_id)
        update webhook_deliveries d set due_at = clock_timestamp()
        where d.endpoint = $1 and d.due_at > clock_timestamp() and d.id = (
          select min(e.id) from webhook_deliveries e join gone using (group_id)
          where e.endpoint = $1 and e.id > $2)`,
      values: [endpoint, id],
    }),
  );
}

/**
 * Notes that an endpoint takes what it is told. True: it was silent before, and what waits for it
 * for long is to be called back.
 */
export async function noteTaken(db: Db, endpoint: string): Promise<boolean> {
  const { rows } = await withRetry(() =>
    db.query<{ behind: boolean }>({
      name: 'webhook_note_taken',
      text: 'select webhook_note_taken($1) as behind',
      values: [endpoint],
    }),
  );
  return rows[0]?.behind ?? false;
}

/** Makes some deliveries due that wait for long, each once a silence. Answers how many. */
export async function callBack(db: Db, endpoint: string, limit: number): Promise<number> {
  const { rows } = await db.query<{ called: number }>({
    name: 'webhook_call_back',
    text: 'select webhook_call_back($1, $2) as called',
    values: [endpoint, limit],
  });
  return rows[0]?.called ?? 0;
}

/** It has not, and is asked again after so many seconds, and what waits for that not before. */
export async function noteFailed(
  db: Db,
  endpoint: string,
  { id }: DueDelivery,
  fault: string,
  pauseSeconds: number,
): Promise<void> {
  await withRetry(() =>
    db.query({
      name: 'webhook_failed',
      text: `with failed as (
          update webhook_deliveries
          set fault = $3, due_at = clock_timestamp() + make_interval(secs => $4)
          where endpoint = $1 and id = $2
          returning group_id, due_at)
        update webhook_deliveries d set due_at = failed.due_at from failed
        where d.endpoint = $1 and d.group_id = failed.group_id and d.id > $2`,
      values: [endpoint, id, fault, pauseSeconds],
    }),
  );
}

/** All that were ever named, by name. */
export async function readEndpoints(db: Db): Promise<EndpointState[]> {
  const { rows } = await db.query<EndpointState>(
    `select e.name, w.waiting,
       extract(epoch from clock_timestamp() - w.since)::float8 as "oldestSeconds", w.fault
     from webhook_endpoints e
       cross join lateral (
         select count(*)::integer as waiting, min(d.created_at) as since,
           (array_agg(d.fault order by d.id) filter (where d.fault is not null))[1] as fault
         from webhook_deliveries d where d.endpoint = e.name) w
     order by e.name`,
  );
  return rows;
}

/** Forgets an endpoint and what it has not heard. False: there is none of that name. */
export async function removeEndpoint(db: Db, name: string): Promise<boolean> {
  const { rows } = await db.query('delete from webhook_endpoints where name = $1 returning name', [
    name,
  ]);
  return rows.length > 0;
}

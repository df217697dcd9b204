/** Where an owner's withdrawals may go. */
import type { Destination } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import {
  newestPage,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TEXT_PART,
  TIME_PART,
} from './page.ts';

export interface NewDestination {
  owner: string;
  /** Null: of assets without a chain. */
  chain: string | null;
  /** As withdrawals carry it; on a chain the chain's own shown form. */
  address: string;
  memo: string | null;
  label: string | null;
  /** Who lists it. */
  actor: string;
}

/**
 * Lists a destination; one that is listed stays as it is, and so does its time. Refuses with
 * DESTINATION_NOT_ALLOWED what nothing is ever paid to.
 */
export async function addDestination(
  db: Db,
  { owner, chain, address, memo, label, actor }: NewDestination,
): Promise<{ destination: Destination; created: boolean } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select ledger_add_destination($1, $2, $3, $4, $5, $6) as answer', [
      owner,
      chain,
      address,
      memo,
      label,
      actor,
    ]),
  );
  return rows[0]?.answer;
}

/** Listed destinations, newest first; with `deleted`, those that were taken away too. */
export async function listDestinations(
  db: Db,
  { owner, chain, deleted }: { owner?: string; chain?: string; deleted: boolean },
  { limit, cursor }: PageRequest,
): Promise<Page<Destination>> {
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const where = new Conditions()
    .add('d.owner = $', owner)
    .add('d.chain = $', chain)
    .add('(d.deleted_at is null or $)', deleted)
    .add('(d.created_at, d.id) < ($, $)', time, id);
  const { rows } = await withRetry(() =>
    db.query(
      `select destination_json(d) as item, array[rfc3339(d.created_at), d.id] as place
       from destinations d ${where.sql}
       ${newestPage('d', limit)}`,
      where.values,
    ),
  );
  return pageOf<Destination>(rows, limit);
}

/** Takes a destination away, at once. False where none of that id is listed. */
export async function deleteDestination(db: Db, id: string, actor: string): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query(
      `update destinations set deleted_at = clock_timestamp(), deleted_by = $2
       where id = $1 and deleted_at is null`,
      [id, actor],
    ),
  );
  return rowCount === 1;
}

/** The same for whoever has not kept the id. False where it is not listed just so. */
export async function deleteDestinationNamed(
  db: Db,
  { owner, chain, address, memo, actor }: Omit<NewDestination, 'label'>,
): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query(
      `update destinations set deleted_at = clock_timestamp(), deleted_by = $5
       where owner = $1 and chain is not distinct from $2 and address = $3
         and memo is not distinct from $4 and deleted_at is null`,
      [owner, chain, address, memo, actor],
    ),
  );
  return rowCount === 1;
}

/** Code of an asset on the chain, or null where none is registered. */
export async function assetOnChain(db: Db, chain: string): Promise<string | null> {
  const { rows } = await withRetry(() =>
    db.query<{ code: string }>('select code from assets where chain = $1 order by code limit 1', [
      chain,
    ]),
  );
  return rows[0]?.code ?? null;
}

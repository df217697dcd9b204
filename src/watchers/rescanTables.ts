/** The database's part of looking at blocks once more; see migration 0030. */
import type { BlockRef } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import type { ReadBlock, Watch } from './chainTables.ts';

/** A rescan that is not finished, and the chain that it is of. */
export interface OpenRescan {
  id: string;
  fromHeight: number;
  toHeight: number;
  nextHeight: number;
  /** Halts are to be ended first, and were not yet. */
  lifts: boolean;
  /** Null: the chain was stopped before its first block was read. */
  cursorHeight: number | null;
  cursorHash: string | null;
}

/** The rescan that is next, where this watcher has the lease; those that end halts go first. */
export async function nextRescan(db: Db, { chain, holder }: Watch): Promise<OpenRescan | null> {
  const { rows } = await db.query<OpenRescan>({
    name: 'chain_next_rescan',
    text: `select r.id::text, r.from_height::float8 as "fromHeight",
        r.to_height::float8 as "toHeight", r.next_height::float8 as "nextHeight",
        r.lifts_halts and r.lifted_at is null as lifts,
        c.cursor_height::float8 as "cursorHeight", c.cursor_hash as "cursorHash"
      from chain_rescans r join chains c on c.id = r.chain
      where r.chain = $1 and c.leased_by = $2 and r.finished_at is null
      order by r.lifts_halts and r.lifted_at is null desc, r.id limit 1`,
    values: [chain, holder],
  });
  return rows[0] ?? null;
}

/** Records the next blocks of a rescan. Answers how many; fewer where one is not the stored one. */
export async function rescanBlocks(
  db: Db,
  { chain, holder }: Watch,
  rescanId: string,
  blocks: readonly ReadBlock[],
): Promise<number> {
  const rows = blocks.map(({ block, events }) => ({ ...block, ...events }));
  const { rows: answers } = await db.query<{ done: number }>(
    'select chain_rescan_blocks($1, $2, $3, $4) as done',
    [chain, holder, rescanId, JSON.stringify(rows)],
  );
  return answers[0]?.done ?? 0;
}

/**
 * Ends a rescan that cannot go on, with the reason in a sentence. False where the lease is lost:
 * whoever has it may be able to.
 */
export async function giveUpRescan(
  db: Db,
  { chain, holder }: Watch,
  rescanId: string,
  fault: string,
): Promise<boolean> {
  const { rows } = await db.query<{ ended: boolean }>(
    'select chain_give_up_rescan($1, $2, $3, $4) as ended',
    [chain, holder, rescanId, fault],
  );
  return rows[0]?.ended === true;
}

/** Where the node's chain leaves the stored one. */
export interface Fork {
  height: number;
  /** The node's block there, where the stored ones do not reach so low. */
  base: BlockRef | null;
}

/**
 * Ends the chain's halts, and drops what lies above `fork`; null: nothing has parted. False: it was
 * stopped since that was asked for, and the rescan is given up; or the lease is lost.
 */
export async function liftHalts(
  db: Db,
  { chain, holder }: Watch,
  rescanId: string,
  fork: Fork | null,
): Promise<boolean> {
  const { rows } = await db.query<{ lifted: boolean }>(
    'select chain_lift_halts($1, $2, $3, $4, $5) as lifted',
    [chain, holder, rescanId, fork?.height ?? null, fork?.base ?? null],
  );
  return rows[0]?.lifted === true;
}

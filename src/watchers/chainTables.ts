/** The database calls of the watcher, one transaction each; see migrations 0020 to 0025. */
import type { BlockRef, ChainId, Finality } from '../chains/port.ts';
import type { SeenEvents } from '../chains/readEvents.ts';
import type { Db } from '../db/pool.ts';

/** Who watches which chain. */
export interface Watch {
  chain: ChainId;
  /** Unique for each start of a watcher. */
  holder: string;
}

export type Lease =
  | {
      outcome: 'held';
      cursorHeight: number | null;
      cursorHash: string | null;
      finalizedHeight: number | null;
      /** Why the chain stands still; empty where it goes on. */
      halts: string[];
    }
  | { outcome: 'taken'; by: string }
  | { outcome: 'other_genesis'; stored: string };

/** Takes or renews the lease for so many seconds. */
export async function takeLease(
  db: Db,
  { chain, holder }: Watch,
  genesisHash: string,
  seconds: number,
): Promise<Lease> {
  const { rows } = await db.query<{ lease: Lease }>({
    name: 'chain_take_lease',
    text: 'select chain_take_lease($1, $2, $3, $4) as lease',
    values: [chain, genesisHash, holder, seconds],
  });
  const lease = rows[0]?.lease;
  if (!lease) throw new Error('chain_take_lease answered nothing');
  return lease;
}

/** Prolongs the lease, where it is still ours. */
export async function renewLease(db: Db, { chain, holder }: Watch, seconds: number): Promise<void> {
  await db.query({
    name: 'chain_renew_lease',
    text: `update chains set leased_until = clock_timestamp() + make_interval(secs => $3)
      where id = $1 and leased_by = $2`,
    values: [chain, holder, seconds],
  });
}

/** Lets another watcher begin at once. */
export async function giveLeaseBack(db: Db, { chain, holder }: Watch): Promise<void> {
  await db.query('select chain_give_lease_back($1, $2)', [chain, holder]);
}

/** A block with what it holds for us. */
export interface ReadBlock {
  block: BlockRef;
  events: SeenEvents;
}

/**
 * Stores the next blocks, with their events, in one transaction. Answers how many: fewer where the
 * lease is lost, or one does not follow the one before.
 */
export async function writeBlocks(
  db: Db,
  { chain, holder }: Watch,
  blocks: readonly ReadBlock[],
): Promise<number> {
  const rows = blocks.map(({ block, events }) => ({ ...block, ...events }));
  const { rows: answers } = await db.query<{ written: number }>({
    name: 'chain_write_blocks',
    text: 'select chain_write_blocks($1, $2, $3) as written',
    values: [chain, holder, JSON.stringify(rows)],
  });
  return answers[0]?.written ?? 0;
}

/** Goes back to a height. Answers how many blocks were dropped; null where the lease is lost. */
export async function rewindTo(
  db: Db,
  { chain, holder }: Watch,
  height: number,
): Promise<number | null> {
  const { rows } = await db.query<{ dropped: number | null }>(
    'select chain_rewind($1, $2, $3) as dropped',
    [chain, holder, height],
  );
  return rows[0]?.dropped ?? null;
}

/** Stops a chain until a person has looked. False where the lease is lost: others may go on. */
export async function haltChain(
  db: Db,
  { chain, holder }: Watch,
  reason: string,
): Promise<boolean> {
  const { rows } = await db.query<{ halted: boolean }>(
    'select chain_halt_watched($1, $2, $3) as halted',
    [chain, holder, reason],
  );
  return rows[0]?.halted === true;
}

/** Notes the node's head and finality; what comes due by it becomes a task. */
export async function noteHead(
  db: Db,
  { chain, holder }: Watch,
  head: BlockRef,
  { safe, finalized }: Finality,
): Promise<void> {
  await db.query({
    name: 'chain_note_head',
    text: 'select chain_note_head($1, $2, $3, $4, $5, $6, $7)',
    values: [
      chain,
      holder,
      head.height,
      safe?.height ?? null,
      safe?.hash ?? null,
      finalized?.height ?? null,
      finalized?.hash ?? null,
    ],
  });
}

/** Hashes of the stored canonical blocks from `height` downwards, at most `count`. */
export async function storedHashes(
  db: Db,
  chain: ChainId,
  height: number,
  count: number,
): Promise<{ height: number; hash: string }[]> {
  const { rows } = await db.query<{ height: string; hash: string }>(
    `select height, hash from chain_blocks
     where chain = $1 and canonical and height <= $2 order by height desc limit $3`,
    [chain, height, count],
  );
  return rows.map((row) => ({ height: Number(row.height), hash: row.hash }));
}

/** What waits on a chain; see migration 0033. */
export interface Backlog {
  /** Tasks whose effect the books do not show yet. */
  waiting: number;
  oldestSeconds: number;
  /** Rescans that are not finished. */
  rescans: number;
}

/** Counts what waits. */
export async function readBacklog(db: Db, chain: ChainId): Promise<Backlog> {
  const { rows } = await db.query<{ backlog: Backlog }>({
    name: 'chain_backlog',
    text: 'select chain_backlog($1) as backlog',
    values: [chain],
  });
  return rows[0]?.backlog ?? { waiting: 0, oldestSeconds: 0, rescans: 0 };
}

/** What is kept for the ledger and for people, and how much goes at once. */
export interface Retention {
  blocks: number;
  taskSeconds: number;
  limit: number;
}

/** Takes old blocks and done tasks away, at most `limit` of each. Answers how many rows went. */
export async function forgetOld(
  db: Db,
  { chain, holder }: Watch,
  { blocks, taskSeconds, limit }: Retention,
): Promise<number> {
  const { rows } = await db.query<{ gone: number }>(
    'select chain_forget($1, $2, $3, $4, $5) as gone',
    [chain, holder, blocks, taskSeconds, limit],
  );
  return rows[0]?.gone ?? 0;
}

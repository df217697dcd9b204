/** Wallets: opened, read, frozen, closed. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Balance,
  Metadata,
  Timestamp,
  Wallet,
  WalletKind,
  WalletStatus,
} from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { DatabaseBusy, withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import {
  newestPage,
  oneBeyond,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TEXT_PART,
  TIME_PART,
} from './page.ts';

export interface NewWallet {
  /** Null or left out: one is made. */
  id?: string | null | undefined;
  owner: string;
  asset: string;
  kind?: WalletKind | undefined;
  metadata?: Metadata | undefined;
}

export interface WalletFilter {
  owner?: string | undefined;
  asset?: string | undefined;
  kind?: WalletKind | undefined;
}

/** A balance with the time that it is of, and the number of entries that made it. */
export interface BalanceAt extends Balance {
  at: Timestamp;
  version: number;
}

export interface StatusChange {
  id: string;
  status: WalletStatus;
  reason: string;
  /** Who asks, an API client's name. */
  actor: string;
}

/**
 * Opens a wallet. Again with the same id and values: `created` is false.
 * Refuses with ASSET_NOT_FOUND, WALLET_EXISTS, INVALID_REQUEST (an id kept for asset wallets).
 */
export async function createWallet(
  db: Db,
  { id, owner, asset, kind = 'user', metadata = {} }: NewWallet,
): Promise<{ wallet: Wallet; created: boolean } | { refusal: Refusal }> {
  const values = [id ?? `wallet-${randomUUID()}`, owner, asset, kind, JSON.stringify(metadata)];
  const { rows } = await withRetry(() =>
    db.query('select ledger_create_wallet($1, $2, $3, $4, $5) as answer', values),
  );
  return rows[0]?.answer;
}

/** The wallet with its balance as it stands, or null. A deferred one is summed up exactly. */
export async function readWallet(db: Db, id: string): Promise<Wallet | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'read_wallet',
      text: `select wallet_json(w, s) as wallet
        from wallets w join wallet_states s on s.wallet_id = w.id where w.id = $1`,
      values: [id],
    }),
  );
  return rows[0]?.wallet ?? null;
}

/** Wallets, newest first. */
export async function listWallets(
  db: Db,
  filter: WalletFilter,
  page: PageRequest,
): Promise<Page<Wallet>> {
  const where = new Conditions();
  const isByKind = filter.owner == null && (filter.asset != null || filter.kind != null);
  const from = isByKind ? byAssetAndKind(where, filter, page) : byCreation(where, filter, page);
  const sql = `
    select wallet_json(w, s) as item, array[rfc3339(w.created_at), w.id] as place
      from (${from} ${newestPage('w', page.limit)}) w join wallet_states s on s.wallet_id = w.id
      order by w.created_at desc, w.id desc`;
  const { rows } = await withRetry(() => db.query(sql, where.values));
  return pageOf<Wallet>(rows, page.limit);
}

/** All of them along an index, or those of an owner, who has few. */
function byCreation(where: Conditions, { owner, asset, kind }: WalletFilter, page: PageRequest) {
  const [time, id] = placeOf(page.cursor, [TIME_PART, TEXT_PART]);
  where
    .add('w.owner = $', owner)
    .add('w.asset = $', asset)
    .add('w.kind = $', kind)
    .add('(w.created_at, w.id) < ($, $)', time, id);
  return `select * from wallets w ${where.sql}`;
}

/**
 * The newest of the lists of each asset and kind that were asked for: of each a page is read. Asked
 * for by rows and in the order of the index that has these: a planner that knows of one kind alone
 * takes a list's asset and kind for those of all wallets, and walks along the times of all of them.
 */
function byAssetAndKind(where: Conditions, { asset, kind }: WalletFilter, page: PageRequest) {
  const [time, id] = placeOf(page.cursor, [TIME_PART, TEXT_PART]);
  const assets =
    asset == null ? 'select code from assets' : `values (${where.mark(asset)} collate "C")`;
  const kinds =
    kind == null ? 'enum_range(null::wallet_kind)' : `array[${where.mark(kind)}::wallet_kind]`;
  where
    .add('(t.asset, t.kind) >= (a.code, k) and (t.asset, t.kind) <= (a.code, k)')
    .add('(t.asset, t.kind, t.created_at, t.id) < (a.code, k, $::timestamptz, $)', time, id);
  return `select w.* from (${assets}) a (code) cross join unnest(${kinds}) k cross join lateral (
    select * from wallets t ${where.sql}
    order by t.asset desc, t.kind desc, t.created_at desc, t.id desc ${oneBeyond(page.limit)}) w`;
}

/** Freezes, unfreezes or closes. WALLET_NOT_FOUND, WALLET_NOT_OPEN, WALLET_NOT_EMPTY. */
export async function setWalletStatus(
  db: Db,
  { id, status, reason, actor }: StatusChange,
): Promise<{ wallet: Wallet } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select ledger_set_wallet_status($1, $2, $3, $4) as answer', [
      id,
      status,
      reason,
      actor,
    ]),
  );
  return rows[0]?.answer;
}

/** Steps take milliseconds; one that runs longer than this is stuck, and its end is not known. */
const HORIZON_PATIENCE_MS = 5_000;
const HORIZON_PAUSE_MS = 5;

/**
 * The balance as it stood at `at` (null: now); two reads of one time agree for ever. A time that is
 * yet to come is refused with INVALID_REQUEST, an unknown wallet with WALLET_NOT_FOUND.
 *
 * @throws DatabaseBusy where it is not known yet, since a transaction writes for so long
 */
export async function balanceAt(
  db: Db,
  walletId: string,
  at: Timestamp | null,
): Promise<{ balance: BalanceAt } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query(
      `select b.mode, $2::timestamptz > clock_timestamp() as future,
         coalesce($2::timestamptz, clock_timestamp())::text as at
       from wallet_balances b where b.wallet_id = $1`,
      [walletId, at],
    ),
  );
  const [found] = rows;
  if (found === undefined) {
    return { refusal: { code: 'WALLET_NOT_FOUND', detail: `There is no wallet ${walletId}.` } };
  }
  if (found.future) {
    return { refusal: { code: 'INVALID_REQUEST', detail: `${at} is yet to come.` } };
  }
  if (found.mode === 'deferred') await untilAllEnded(db);
  const answer = await withRetry(() =>
    db.query('select ledger_balance_at($1, $2) as balance', [walletId, found.at]),
  );
  return { balance: answer.rows[0]?.balance };
}

/**
 * Waits until every transaction that has written by now has ended. Its bound is an id of its own:
 * the xmax of a snapshot is too low, because it follows the last id that ended, not the last one
 * given.
 */
async function untilAllEnded(db: Db): Promise<void> {
  const { rows: bound } = await db.query('select pg_current_xact_id()::text as id');
  const giveUp = Date.now() + HORIZON_PATIENCE_MS;
  for (;;) {
    const { rows } = await db.query(
      'select pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 as ended',
      [bound[0]?.id],
    );
    if (rows[0]?.ended) return;
    if (Date.now() > giveUp) {
      throw new DatabaseBusy(`Transactions have been writing for ${HORIZON_PATIENCE_MS} ms`);
    }
    await sleep(HORIZON_PAUSE_MS);
  }
}

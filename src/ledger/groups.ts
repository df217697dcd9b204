/** Transfer groups as they stand. */
import type { Group, GroupKind, GroupStatus, WithdrawalState } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART, TIME_PART } from './page.ts';

export interface GroupFilter {
  status?: GroupStatus | undefined;
  /** Groups with entries in this wallet; a refused one has none. */
  wallet?: string | undefined;
  kind?: GroupKind | undefined;
  reference?: string | undefined;
  /** Withdrawals in this state, such as those that wait for an approval. */
  state?: WithdrawalState | undefined;
}

/** The group as it stands, its legs included; null where the ledger has none of that id. */
export async function readGroup(db: Db, id: string): Promise<Group | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'read_group',
      text: 'select group_json($1) as group',
      values: [id],
    }),
  );
  return rows[0]?.group ?? null;
}

/** Spelled out where there is an index: of open withdrawals. */
function inState(state: WithdrawalState | undefined): string {
  const isOpen = state !== 'settled' && state !== 'released';
  const open = isOpen ? " and w.state not in ('settled', 'released')" : '';
  return `g.id in (select w.group_id from withdrawals w where w.state = $${open})`;
}

/** Groups of all kinds, newest first. */
export async function listGroups(
  db: Db,
  { status, wallet, kind, reference, state }: GroupFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<Group>> {
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const where = new Conditions()
    // Spelled out, so that the index of open groups is recognised.
    .add(
      status === 'IN_PROGRESS'
        ? "g.status = 'IN_PROGRESS' and $::text is not null"
        : 'g.status = $',
      status,
    )
    .add('g.kind = $', kind)
    .add('g.reference = $', reference)
    .add(inState(state), state)
    .add(
      `g.id in (
        select e.group_id from ledger_entries e where e.wallet_id = $ and e.status = 'HOLD')`,
      wallet,
    )
    .add('(g.created_at, g.id) < ($, $)', time, id);
  const { rows } = await withRetry(() =>
    db.query(
      `select render_group(g, legs_json(g.id)) as item, array[rfc3339(g.created_at), g.id] as place
       from transfer_groups g ${where.sql}
       order by g.created_at desc, g.id desc limit ${where.mark(limit + 1)}`,
      where.values,
    ),
  );
  return pageOf<Group>(rows, limit);
}

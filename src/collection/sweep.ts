/** What the hot wallet has too much of goes to the cold address of its rule; see migration 0062. */
import type { ChainId } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { Log } from '../observability/log.ts';

interface Sweep {
  groupId: string;
  asset: string;
  amount: string | null;
  /** Why it was refused, where it was: by a limit, or by a rule for destinations. */
  refusal: string | null;
}

/**
 * Opens the sweeps that are due on a chain: withdrawals of `cold:<asset>`, whose sagas then pay
 * them. Any process may ask; an asset has one at a time. Answers the groups that were opened.
 */
export async function openSweeps(db: Db, log: Log, chain: ChainId): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query<{ asset: string }>(
      `select r.asset from treasury_rules r join assets a on a.code = r.asset
       where a.chain = $1 and r.cold_address is not null order by r.asset`,
      [chain],
    ),
  );
  const opened: string[] = [];
  for (const { asset } of rows) {
    const sweep = await openSweep(db, asset);
    if (sweep?.refusal) {
      const why = sweep.refusal;
      log.error({ ...sweep, alert: 'COLD_SWEEP_REFUSED' }, `not swept to the cold address: ${why}`);
    } else if (sweep) {
      log.warn({ ...sweep, alert: 'COLD_SWEEP' }, 'more than the high mark goes to cold storage');
      opened.push(sweep.groupId);
    }
  }
  return opened;
}

async function openSweep(db: Db, asset: string): Promise<Sweep | null> {
  const { rows } = await withRetry(() =>
    db.query<{ id: string | null }>('select treasury_open_sweep($1) as id', [asset]),
  );
  const groupId = rows[0]?.id ?? null;
  if (groupId === null) return null;
  const { rows: groups } = await withRetry(() =>
    db.query<Sweep>(
      `select g.id as "groupId", $2 as asset, amount_text(w.amount) as amount,
         case when w.group_id is null then g.reason end as refusal
       from transfer_groups g left join withdrawals w on w.group_id = g.id where g.id = $1`,
      [groupId, asset],
    ),
  );
  return groups[0] ?? null;
}

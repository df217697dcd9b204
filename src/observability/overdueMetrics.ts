/** Groups that outlive their deadline, read from the books when it is asked for. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';

/**
 * Withdrawals count while their deadline does something: before it was noted, before anything was
 * signed. A minute for the saga, a minute for the sweeper, and one more.
 */
const OVERDUE = `
  select count(*)::float8 as value from transfer_groups g
  where g.kind in ('transfer', 'withdrawal') and g.status = 'IN_PROGRESS'
    and g.expires_at < clock_timestamp() - interval '3 minutes'
    and (g.kind = 'transfer' or exists (
      select from withdrawals w where w.group_id = g.id
        and w.state in ('held', 'awaiting_approval', 'awaiting_funds')))`;

/** Exports their number. A database that is away leaves it out of a scrape. */
export function observeOverdueGroups(registry: Registry, db: Db): void {
  new Gauge({
    name: 'holdfast_overdue_groups',
    help: 'Open groups past their deadline that neither their saga nor the sweeper has acted on',
    registers: [registry],
    async collect() {
      const [row] = (await db.query<{ value: number }>(OVERDUE).catch(() => null))?.rows ?? [];
      if (row) this.set(row.value);
      // A reset would tell a 0, and nobody would look.
      else this.remove();
    },
  });
}

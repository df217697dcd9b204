/** A scrape of the metrics reads what is open, and not all that ever was. */
import { Registry } from 'prom-client';
import { beforeAll, expect, it } from 'vitest';
import { observeReconciliations } from '../../src/chains/reconcileMetrics.ts';
import { observeTreasury } from '../../src/collection/treasuryFigures.ts';
import type { Db, Pool } from '../../src/db/pool.ts';
import { observeHooks } from '../../src/hooks/hookMetrics.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { observeOverdueGroups } from '../../src/observability/overdueMetrics.ts';
import { observePayoutRuns } from '../../src/observability/payoutMetrics.ts';
import { observeReorgs } from '../../src/watchers/reorgMetrics.ts';
import { observeWithdrawals } from '../../src/withdrawals/withdrawalMetrics.ts';
import { createWorld } from '../ledger/ledgerWorld.ts';
import { withPlanWatch } from '../support/planWatch.ts';

/** Of everything that has ended. */
const MANY = 300;
/** Assets, chains, and lists by kind or state. */
const FEW = 25;
const CHAIN = 'eip155:1';

let owner: Pool;
beforeAll(async () => {
  const world = await createWorld();
  owner = world.owner;
  await owner.query('insert into chains (id, genesis_hash) values ($1, $2)', [CHAIN, '0x1']);
  await createAsset(world.db, { code: 'ETH', scale: 18, chain: CHAIN });
  const groups = `(select 'd:' || n as id, n from generate_series(1, ${MANY}) n) g`;
  // What a history leaves behind, without living through it.
  await owner.query(
    `set session_replication_role = replica;
    insert into transfer_groups (id, kind, status, client, created_at, finished_at, opened_by)
      select g.id, 'withdrawal', 'SETTLED', 'x', clock_timestamp(), clock_timestamp(), 'x'
        from ${groups};
    insert into withdrawals (group_id, wallet_id, asset, chain, destination, amount, fee_mode,
        state)
      select g.id, 'w', 'ETH', '${CHAIN}', '0x1', 1, 'platform', 'settled' from ${groups};
    insert into chain_inclusions (chain, txid, ordinal, inclusion_no, group_id, asset, amount,
        from_address, to_address, block_hash, block_height, credited_at)
      select '${CHAIN}', g.id, '0', 1, g.id, 'ETH', 1, '0x1', '0x' || g.n, '0x1', g.n,
          clock_timestamp()
        from ${groups};
    insert into chain_hooks (source, delivery_id, body, body_hash, txids, open_txids, finished_at)
      select 'desk', g.n, '', '', '{}', '{}', clock_timestamp() from ${groups};
    insert into treasury_rules (asset, min_amount, max_fee, low_water, high_water)
      values ('ETH', 1, 1, 1, 2);
    set session_replication_role = default`,
  );
});

it.each<[string, (registry: Registry, db: Db) => void]>([
  ['reorganisations', observeReorgs],
  ['reconciliations', observeReconciliations],
  ['withdrawals', observeWithdrawals],
  ['payout runs', observePayoutRuns],
  ['hooks', observeHooks],
  ['overdue groups', observeOverdueGroups],
  ['the treasury', observeTreasury],
])('of %s', async (_, observe) => {
  await withPlanWatch(owner, async (watch) => {
    const registry = new Registry();
    observe(registry, watch.session);
    await registry.metrics();
    expect(watch.statements).toBeGreaterThan(0);
    expect(watch.most).toBeLessThanOrEqual(FEW);
  });
});

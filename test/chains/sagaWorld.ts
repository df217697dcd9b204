/** The chain's sagas on a real Temporal server, with a watcher that can be switched off. */
import { createChainActivities } from '../../activities/chainActivities.ts';
import type { Group } from '../../src/contracts/resources.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import { type Sagas, startSagas } from '../../src/temporal/sagas.ts';
import { startWatcher, type Watcher } from '../../src/watchers/watcher.ts';
import { createWatcherMetrics } from '../../src/watchers/watcherMetrics.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { atFileEnd } from '../support/borrow.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';
import { log } from './chainWorld.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

/** Longer than anything here takes on a busy machine, in milliseconds. */
const WAIT_MS = 25_000;
const POLL_MS = 100;

export interface SagaWorld extends PayWorld {
  sagas: Sagas;
  metrics: Metrics;
  /** Starts a watcher; it ends with the file or with `stop`. */
  watch(
    identity?: string,
    collect?: () => Promise<void>,
    batch?: () => Promise<void>,
  ): Promise<Watcher>;
  /** The group as soon as it satisfies; fails with the last one that was seen. */
  groupWhen(id: string, satisfies: (group: Group | null) => boolean): Promise<Group>;
}

/** Payments that are in no block count as stuck after so many seconds. */
export async function createSagaWorld(
  stuckAfterSeconds: number,
  paying: Partial<PayDeps> = {},
  chainOptions?: { payout: boolean },
): Promise<SagaWorld> {
  const world = await createPayWorld(chainOptions);
  const { db, chain } = world;
  const sagas = await startSagas({
    db,
    log,
    address: await temporalAddress(),
    namespace: await temporalNamespace(),
    identity: 'test',
    temporalUi: null,
    sweeper: false,
    chainActivities: createChainActivities({ ...world.deps, stuckAfterSeconds, ...paying }),
  });
  const watchers = new Set<Watcher>();
  atFileEnd(async () => {
    await Promise.all([...watchers].map((watcher) => watcher.stop()));
    await sagas.stop();
  });
  // The world's own follower has read the first blocks: its lease goes to the watchers.
  await world.database.owner.query('update chains set leased_by = null, leased_until = null');
  const metrics = createMetrics();
  const watcherMetrics = createWatcherMetrics(metrics.registry);
  return {
    ...world,
    sagas,
    metrics,
    async watch(identity = 'test', collect, batch) {
      const watcher = await startWatcher({
        db,
        chain,
        client: sagas.client,
        log,
        metrics: watcherMetrics,
        identity,
        startBlock: null,
        pollMs: POLL_MS,
        ...(collect && { collect }),
        ...(batch && { batch }),
      });
      watchers.add(watcher);
      return watcher;
    },
    async groupWhen(id, satisfies) {
      const until = Date.now() + WAIT_MS;
      for (;;) {
        const group = await readGroup(db, id);
        if (satisfies(group) && group) return group;
        if (Date.now() > until) throw new Error(`still ${JSON.stringify(group)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

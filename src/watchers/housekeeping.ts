/** What a watcher does now and then: counts what waits, and forgets what nobody asks for. */
import type { Db } from '../db/pool.ts';
import { forgetOld, type Retention, readBacklog, type Watch } from './chainTables.ts';
import type { WatcherMetrics } from './watcherMetrics.ts';

export interface HousekeepingDeps {
  db: Db;
  watch: Watch;
  metrics: WatcherMetrics;
}

const MEASURE_EVERY_MS = 5_000;
const FORGET_EVERY_MS = 60_000;
/**
 * Far more blocks than any rule of finality counts, so that whoever proves something by a stored
 * block finds it; and a week of done tasks, for whoever wonders what was told when.
 */
const RETENTION: Retention = { blocks: 10_000, taskSeconds: 7 * 86_400, limit: 5_000 };

/** Answers a function that does what is due. True: there is more to do at once. */
export function createHousekeeper({
  db,
  watch,
  metrics,
}: HousekeepingDeps): () => Promise<boolean> {
  const labels = { chain: watch.chain };
  let measuredAt = Number.NEGATIVE_INFINITY;
  let forgotAt = Number.NEGATIVE_INFINITY;
  return async () => {
    const now = performance.now();
    if (now - measuredAt >= MEASURE_EVERY_MS) {
      const { waiting, oldestSeconds, rescans } = await readBacklog(db, watch.chain);
      metrics.tasks.set(labels, waiting);
      metrics.oldestTask.set(labels, oldestSeconds);
      metrics.rescans.set(labels, rescans);
      measuredAt = now;
    }
    if (now - forgotAt < FORGET_EVERY_MS) return false;
    if ((await forgetOld(db, watch, RETENTION)) >= RETENTION.limit) return true;
    forgotAt = now;
    return false;
  };
}

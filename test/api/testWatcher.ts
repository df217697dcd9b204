/** A watcher beside the API of a test file. */
import { startWatcher, type WatcherOptions } from '../../src/watchers/watcher.ts';
import { createWatcherMetrics } from '../../src/watchers/watcherMetrics.ts';
import { atFileEnd } from '../support/borrow.ts';
import type { TestApi } from './testApi.ts';

/** Starts the watcher of the chain in the file's process; it stops when the file ends. */
export async function startTestWatcher(
  api: TestApi,
  parts: Pick<WatcherOptions, 'db' | 'chain' | 'log' | 'batch'>,
): Promise<void> {
  const watcher = await startWatcher({
    ...parts,
    client: api.sagas!.client,
    metrics: createWatcherMetrics(api.metrics.registry),
    identity: 'api-test',
    startBlock: null,
    pollMs: 50,
  });
  atFileEnd(() => watcher.stop());
}

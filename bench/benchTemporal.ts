/** The Temporal server of a bench: one that runs, or a dev server of the bench's own. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { msToTs } from '@temporalio/common/lib/time.js';
import { NativeConnection } from '@temporalio/worker';
import { startTemporal } from '../src/dev/stack/temporal.ts';
import { faultOf } from '../src/temporal/failures.ts';

export interface BenchTemporal {
  address: string;
  stop(): Promise<unknown>;
}

/** How long closed sagas of a bench stay: the shortest that a server allows. */
const RETENTION = '1 day';
/** A server tells its parts of a new namespace every ten seconds. */
const KNOWN_AFTER_MS = 12_000;

/**
 * `TEMPORAL_ADDRESS` where it is set, with the namespaces made that it lacks; its processor time is
 * not counted then. Else a dev server that keeps everything in memory and ends with `stop`.
 *
 * @param home folder for the log of a server of its own
 * @param namespaces beside `default`
 */
export async function benchTemporal(
  home: string,
  namespaces: string[],
  say: (line: string) => void,
): Promise<BenchTemporal> {
  const address = process.env.TEMPORAL_ADDRESS;
  if (!address) {
    const logFile = join(home, 'temporal.log');
    return startTemporal({ dbFile: null, logFile, uiPort: null, namespaces, say });
  }
  const connection = await NativeConnection.connect({ address });
  try {
    const made = [];
    for (const name of ['default', ...namespaces]) made.push(await register(connection, name));
    if (made.includes(true)) await sleep(KNOWN_AFTER_MS);
  } finally {
    await connection.close();
  }
  return { address, stop: async () => {} };
}

/** False where it was there. */
async function register(connection: NativeConnection, namespace: string): Promise<boolean> {
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs(RETENTION),
    });
    return true;
  } catch (error) {
    if (faultOf(error).fault === 'already_started') return false;
    throw error;
  }
}

/** What code keeps in memory. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes that are still held after it, once all is gone that nobody holds. */
export async function heldAfter(work: () => void): Promise<number> {
  v8.setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage().heapUsed;
  work();
  await nextTurn();
  collect();
  return process.memoryUsage().heapUsed - before;
}

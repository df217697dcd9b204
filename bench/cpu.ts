/** Processor time of everything that a bench started, by what it is. Linux only. */
import { ownProcesses } from './processes.ts';

/** Who used it, and how many microseconds so far. */
export type CpuTimes = Record<'service' | 'Postgres' | 'Temporal', number>;

/**
 * What this process and its descendants used since they began; zeros where /proc is not.
 *
 * @param self what this process is: the service itself, or a caller that is not counted
 */
export function cpuTimes(self: 'service' | 'caller' = 'service'): CpuTimes {
  const times: CpuTimes = { service: 0, Postgres: 0, Temporal: 0 };
  for (const { who, cpuUs } of ownProcesses()) {
    if (who !== 'bench') times[who] += cpuUs;
    else if (self === 'service') times.service += cpuUs;
  }
  return times;
}

/** What was used between two looks, for each of `count` things, in milliseconds. */
export function cpuEach(before: CpuTimes, after: CpuTimes, count: number): Record<string, number> {
  const each = Object.entries(after).map(([who, us]) => {
    const used = us - before[who as keyof CpuTimes];
    return [`CPU of ${who} ms`, used / 1000 / count] as const;
  });
  return Object.fromEntries(each);
}

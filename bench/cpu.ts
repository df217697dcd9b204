/** Processor time of everything that a bench started, by what it is. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

/** Who used it, and how many microseconds so far. */
export type CpuTimes = Record<'service' | 'Postgres' | 'Temporal', number>;

/** The kernel counts in hundredths of a second. */
const US_PER_TICK = 10_000;

/** What this process and its descendants used since they began; zeros where /proc is not. */
export function cpuTimes(): CpuTimes {
  const times: CpuTimes = { service: 0, Postgres: 0, Temporal: 0 };
  const processes = readProcesses();
  const isOurs = (pid: number): boolean =>
    pid === process.pid || (pid > 1 && isOurs(processes.get(pid)?.parent ?? 0));
  for (const [pid, { command, ticks }] of processes) {
    if (!isOurs(pid)) continue;
    if (pid === process.pid) times.service += ticks * US_PER_TICK;
    else if (command.startsWith('postgres')) times.Postgres += ticks * US_PER_TICK;
    else if (command.startsWith('temporal')) times.Temporal += ticks * US_PER_TICK;
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

interface ProcessTimes {
  command: string;
  parent: number;
  ticks: number;
}

function readProcesses(): Map<number, ProcessTimes> {
  const processes = new Map<number, ProcessTimes>();
  for (const name of list('/proc')) {
    const stat = /^\d+$/.test(name) ? read(`/proc/${name}/stat`) : null;
    const parts = stat?.match(/^\d+ \((.*)\) \S (\d+) (.*)$/s);
    if (!parts) continue;
    // proc_pid_stat(5): after the parent come nine fields, then utime, stime and those of children
    // that have ended.
    const ticks = parts[3]?.split(' ').slice(9, 13).map(Number) ?? [];
    processes.set(Number(name), {
      command: parts[1] ?? '',
      parent: Number(parts[2]),
      ticks: ticks.reduce((sum, each) => sum + each, 0),
    });
  }
  return processes;
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A process may end while it is looked at. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

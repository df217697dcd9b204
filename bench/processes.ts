/** The processes that a bench started, told apart by what they are. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';

export type Who = 'bench' | 'service' | 'Postgres' | 'Temporal';

export interface OwnProcess {
  pid: number;
  who: Who;
  /** Processor time so far, its own and that of children that have ended, in microseconds. */
  cpuUs: number;
}

/** The kernel counts in hundredths of a second. */
const US_PER_TICK = 10_000;

/** This process and its descendants; none where /proc is not. */
export function ownProcesses(): OwnProcess[] {
  const processes = readProcesses();
  const isOurs = (pid: number): boolean =>
    pid === process.pid || (pid > 1 && isOurs(processes.get(pid)?.parent ?? 0));
  return [...processes].flatMap(([pid, { command, ticks }]) => {
    const who = isOurs(pid) ? whoIs(pid, command) : null;
    return who ? [{ pid, who, cpuUs: ticks * US_PER_TICK }] : [];
  });
}

/**
 * Memory by who uses it, in bytes: proportional set sizes, so that a page which several processes
 * share (Postgres's buffers) is counted once. Zeros where the kernel does not tell.
 */
export function memoryByWho(): Record<Who, number> {
  const memory = { bench: 0, service: 0, Postgres: 0, Temporal: 0 };
  for (const { pid, who } of ownProcesses()) {
    const kilobytes = /^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
    memory[who] += Number(kilobytes ?? 0) * 1024;
  }
  return memory;
}

function whoIs(pid: number, command: string): Who | null {
  if (pid === process.pid) return 'bench';
  if (command.startsWith('postgres')) return 'Postgres';
  if (command.startsWith('temporal')) return 'Temporal';
  const [, file] = (read(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return file?.endsWith('/src/main.ts') ? 'service' : null;
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

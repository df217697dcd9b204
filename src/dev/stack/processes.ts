/** Tells processes apart by pid and time of start, because the system uses pids again. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  pid: number;
  /** When it was started, in whatever unit the platform tells; null: no such process. */
  started: string | null;
}

/** The identity of a process as of now. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, started: startedAt(pid) };
}

/** True while this very process, not a later one with its pid, is alive. */
export function isAlive(identity: ProcessIdentity): boolean {
  const started = startedAt(identity.pid);
  return started !== null && started === identity.started;
}

function startedAt(pid: number): string | null {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The name in parentheses may hold blanks and parentheses, so count after the last one.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // State Z: it ended and only its exit code waits to be read.
      return fields[0] === 'Z' ? null : (fields[19] ?? null);
    } catch {
      return null;
    }
  }
  try {
    const out = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' });
    return out.trim() || null;
  } catch {
    return null;
  }
}

/** Starts processes with little, and looks at the machine's: nothing may be left running. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/** What a command of ours needs of this process's environment, and what makes it start faster. */
export const BARE_ENV = {
  PATH: process.env.PATH,
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
};

/** Waits for a condition; says what was waited for when it does not come. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs / 1000} s: ${what}.`);
    await sleep(POLL_MS);
  }
}

/** Command lines of the processes (but this one) whose arguments or environment hold a text. */
export function processesWith(text: string): string[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8' });
    const own = new RegExp(`^\\s*${process.pid}\\s`);
    return lines.split('\n').filter((line) => line.includes(text) && !own.test(line));
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids
    .filter((pid) => Number(pid) !== process.pid)
    .flatMap((pid) => {
      const command = read(`/proc/${pid}/cmdline`);
      return (command + read(`/proc/${pid}/environ`)).includes(text) ? [`${pid} ${command}`] : [];
    });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\0', ' ');
  } catch {
    // The process has ended meanwhile, or is somebody else's.
    return '';
  }
}

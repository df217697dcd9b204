/** Starts a server under a supervisor, waits until it answers, stops it in good order. */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProcessIdentity } from './processes.ts';

/** What the supervisor is told; JSON on its command line, so nothing secret. */
export interface SupervisorSpec {
  name: string;
  command: string;
  args: string[];
  cwd: string;
  /** Runs the server as this user; only root can. */
  user: { uid: number; gid: number } | null;
  stopSignal: NodeJS.Signals;
  /** Time between the stop signal and SIGKILL, in milliseconds. */
  graceMs: number;
  /**
   * Standard output and error of the server; a file, because a pipe would break with its reader.
   */
  logFile: string;
  /** Where a `ServerRecord` stands while the server runs, for a later start to find; or null. */
  recordFile: string | null;
  /** A throw-away folder that is removed once the server has ended; or null. */
  removeAfter: string | null;
}

export interface ServerRecord {
  name: string;
  stopSignal: NodeJS.Signals;
  supervisor: ProcessIdentity;
  server: ProcessIdentity;
}

export interface ServerOptions extends Omit<SupervisorSpec, 'cwd' | 'user' | 'graceMs'> {
  cwd?: string;
  /** The server's whole environment; ours where none is given. */
  env?: NodeJS.ProcessEnv;
  user?: { uid: number; gid: number } | null;
  graceMs?: number;
  /** Asked again and again until it is true; a rejection counts as "not yet". */
  isReady: () => Promise<boolean> | boolean;
  readyTimeoutMs?: number;
}

export interface Server {
  name: string;
  /**
   * Stops the server and waits until it is gone. Calling it again waits for the same end.
   *
   * @param options.keep leaves the throw-away folder (`removeAfter`) for somebody to look at
   */
  stop(options?: { keep?: boolean }): Promise<void>;
  /** Resolves with the exit code when the server has ended, asked or not. */
  ended: Promise<number>;
}

const DEFAULT_GRACE_MS = 20_000;
const DEFAULT_READY_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 20;
const LOG_TAIL_LINES = 12;
const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url));

/**
 * Starts a server and resolves when `isReady`.
 *
 * @throws an Error with the end of the server's log when it ends early or is not ready in time
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { isReady, readyTimeoutMs = DEFAULT_READY_TIMEOUT_MS, env, ...rest } = options;
  const spec: SupervisorSpec = {
    cwd: '/',
    user: null,
    graceMs: DEFAULT_GRACE_MS,
    ...rest,
  };
  writeFileSync(spec.logFile, '');
  // A session of its own: Ctrl-C reaches the starter alone, which then stops its parts in order.
  const supervisor = spawn(process.execPath, [SUPERVISOR, JSON.stringify(spec)], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: env ?? process.env,
    detached: true,
  });
  let exitCode: number | null = null;
  const ended = new Promise<number>((resolve, reject) => {
    supervisor.once('error', reject);
    supervisor.once('exit', (code) => {
      exitCode = code ?? 1;
      resolve(exitCode);
    });
  });
  ended.catch(() => {});
  supervisor.stdin.on('error', () => {});
  const stop = async ({ keep = false } = {}): Promise<void> => {
    if (!supervisor.stdin.writableEnded) supervisor.stdin.end(keep ? 'keep' : '');
    await ended;
  };

  const deadline = Date.now() + readyTimeoutMs;
  while (!(await answers(isReady))) {
    if (exitCode !== null) {
      const log = logTail(spec.logFile);
      if (spec.removeAfter) rmSync(spec.removeAfter, { recursive: true, force: true });
      throw new Error(`${spec.name} ended with code ${exitCode}. ${log}`);
    }
    if (Date.now() > deadline) {
      const log = logTail(spec.logFile);
      await stop();
      const seconds = Math.round(readyTimeoutMs / 1000);
      throw new Error(`${spec.name} was not ready in ${seconds} s. ${log}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
  return { name: spec.name, stop, ended };
}

async function answers(isReady: () => Promise<boolean> | boolean): Promise<boolean> {
  try {
    return await isReady();
  } catch {
    return false;
  }
}

/** The last lines of a server's log, as a sentence for an error message. */
export function logTail(logFile: string): string {
  try {
    const text = readFileSync(logFile, 'utf8').trimEnd();
    if (text === '') return `Its log (${logFile}) is empty: it said nothing, or the disk is full.`;
    const lines = text.split('\n').slice(-LOG_TAIL_LINES);
    return `Its log (${logFile}) ends with:\n${lines.join('\n')}`;
  } catch {
    return `It left no log at ${logFile}.`;
  }
}

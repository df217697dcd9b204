/** A process of the service that is killed and started again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Role } from '../../config.ts';
import { freePort } from '../stack/ports.ts';
import { type Server, type ServerRecord, startServer } from '../stack/server.ts';

const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));
/** A start that a faulty node made fail is tried again, as whoever runs services does. */
const MOST_STARTS = 20;

export interface ServiceOptions {
  name: string;
  roles: readonly Role[];
  /** Folder for its log and its record. */
  home: string;
  env: NodeJS.ProcessEnv;
}

export interface Service {
  name: string;
  /** Where its HTTP door is, also after another start. */
  url: string;
  /** Ends it without a word (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it where it is down; resolves when it answers. */
  start(): Promise<void>;
  isUp(): boolean;
  stop(): Promise<void>;
}

/** Takes a port for the process; starts nothing yet. */
export async function createService(options: ServiceOptions): Promise<Service> {
  const { name, roles, home } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const recordFile = join(home, `${name}.json`);
  let server: Server | null = null;
  let starting: Promise<void> | null = null;
  let starts = 0;
  const env = { ...process.env, ...options.env, PORT: String(port), HOLDFAST_ROLES: roles.join() };
  const startOnce = () =>
    startServer({
      name,
      command: process.execPath,
      args: [MAIN],
      env,
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      logFile: join(home, `${name}-${++starts}.log`),
      recordFile,
      removeAfter: null,
      isReady: async () => (await fetch(`${url}/health/live`)).ok,
    });
  const startUntilUp = async () => {
    for (let tries = 1; server === null; tries++) {
      try {
        server = await startOnce();
      } catch (error) {
        if (tries === MOST_STARTS) throw error;
      }
    }
  };
  return {
    name,
    url,
    isUp: () => server !== null,
    start() {
      starting ??= startUntilUp().finally(() => {
        starting = null;
      });
      return starting;
    },
    async kill() {
      if (server === null) return;
      const record = JSON.parse(readFileSync(recordFile, 'utf8')) as ServerRecord;
      process.kill(record.server.pid, 'SIGKILL');
      await server.ended;
      server = null;
    },
    async stop() {
      await server?.stop();
      server = null;
    },
  };
}

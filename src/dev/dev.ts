/** `npm run dev`: the stack and the service in the foreground, until SIGINT or SIGTERM. */
import { endRequested } from './ending.ts';
import { keptAdminKey, readSettings } from './settings.ts';
import { lockDataDir } from './stack/lock.ts';
import { dataDir } from './stack/places.ts';
import { requireFreePort } from './stack/ports.ts';
import { postgresUser } from './stack/postgresUser.ts';
import { localParts, startStack } from './stack/stack.ts';

/** A part that hangs at the end must not keep the terminal; the supervisors finish without us. */
const STOP_TIMEOUT_MS = 45_000;
/** What a shell tells of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/**
 * Runs until the end is requested or a server breaks.
 *
 * @param ready called when everything answers, with what the `ready` line says
 * @returns the exit code
 */
async function dev(env: NodeJS.ProcessEnv, ready: (line: object) => Promise<void>) {
  const settings = readSettings(env);
  if (settings.port !== 0) await requireFreePort(settings.port, 'PORT');
  const dir = dataDir(env, env.DATABASE_URL ? null : postgresUser(), say);
  const lock = await lockDataDir(dir, say);
  // Loading the service takes as long as starting the servers, so both happen at once.
  const service = import('./holdfast.ts');
  service.catch(() => {});
  try {
    say(`Starting ${localParts(env)} (data in ${dir}) …`);
    const stack = await startStack({ env, data: { dir, lock }, mnemonic: settings.mnemonic, say });
    try {
      const adminKey = env.HOLDFAST_ADMIN_KEY || keptAdminKey(dir);
      const { startOnStack } = await service;
      const running = await startOnStack(stack, {
        env: { ...env, HOLDFAST_ADMIN_KEY: adminKey },
        seed: stack.isLocalChain,
      });
      const { apiUrl: api, config } = running;
      say(`API ${api} (reference: ${api}/docs). Ctrl-C stops everything; the data stays.`);
      const { temporalAddress: temporal, databaseUrl } = config;
      const { temporalUi, rpcUrl: rpc } = stack;
      const end = ready({ api, temporal, temporalUi, rpc, databaseUrl, adminKey });
      const broken = await Promise.race([end.then(() => null), stack.broken, running.broken]);
      say(broken ? `${broken} Stopping the rest …` : 'Stopping …');
      await running.stop();
      return broken ? 1 : 0;
    } finally {
      await stack.stop();
    }
  } finally {
    lock.release();
  }
}

let isReady = false;
const ending = endRequested(() => {
  // Before all is up there is nothing to drain: the supervisors stop what has started.
  if (!isReady) process.exit(INTERRUPTED);
  setTimeout(() => process.exit(1), STOP_TIMEOUT_MS).unref();
});

try {
  process.exitCode = await dev(process.env, async (line) => {
    isReady = true;
    say(`ready ${JSON.stringify(line)}`);
    await ending;
  });
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}

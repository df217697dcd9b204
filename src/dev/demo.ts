/**
 * `npm run demo`: the stack on throw-away data, four stories through the HTTP API, and the check
 * that the books balance. Exits with 0 when all was as it must be, and leaves nothing behind.
 */
import { randomBytes } from 'node:crypto';
import type { Bank } from './demo/bank.ts';
import { type ApiClient, createApiClient, DemoFailure } from './demo/client.ts';
import { type OwnDatabase, ownDatabase } from './demo/database.ts';
import { connectNode, type Node } from './demo/node.ts';
import { heading, line } from './demo/print.ts';
import {
  deposit,
  expiry,
  openWallets,
  reconciliation,
  transfer,
  withdrawal,
} from './demo/stories.ts';
import { endRequested } from './ending.ts';
import { newAdminKey, readSettings } from './settings.ts';
import { localParts, startStack } from './stack/stack.ts';

const INTERRUPTED = 130;
/** A server that does not answer must not keep the terminal. */
const DROP_TIMEOUT_MS = 10_000;

/** Keeps everything up after the stories, to look around, until Ctrl-C. */
const stay = process.argv.includes('--stay');

/** The service's log would stand between the stories; warnings are worth it. */
const QUIET = { LOG_LEVEL: process.env.LOG_LEVEL || 'warn', PORT: '0', HOLDFAST_ROLES: '' };

async function demo(env: NodeJS.ProcessEnv, ending: Promise<void>): Promise<void> {
  const started = Date.now();
  const seconds = (): string => ((Date.now() - started) / 1000).toFixed(1);
  const { mnemonic } = readSettings(env);
  const service = import('./holdfast.ts');
  service.catch(() => {});
  line(`Starting ${localParts(env)} …`);
  const stack = await startStack({ env, data: null, mnemonic, say: line });
  try {
    if (stack.rpcUrl === null)
      throw new DemoFailure('It needs a chain: leave CHAIN_RPC_URL unset.');
    const adminKey = newAdminKey();
    const { startOnStack } = await service;
    const running = await startOnStack(stack, {
      env: { ...env, HOLDFAST_ADMIN_KEY: adminKey },
      seed: true,
    });
    try {
      line(`Everything is up after ${seconds()} s. API: ${running.apiUrl}`);
      const admin = createApiClient(running.apiUrl, adminKey);
      // Servers that others use too remember the ids of the last demo.
      const isOurs = stack.isLocalChain && !env.TEMPORAL_ADDRESS;
      const run = isOurs ? '' : `-${randomBytes(3).toString('hex')}`;
      await tell(admin, await connectNode(stack.rpcUrl, mnemonic), run);
      heading(`Done in ${seconds()} s`);
      if (stay) {
        line(`Everything stays up until Ctrl-C. Admin key: ${adminKey}`);
        if (stack.temporalUi) line(`Temporal UI: ${stack.temporalUi}`);
        await ending;
      } else {
        line('All of it was thrown away, and the links lead nowhere now. Go on with:');
        line(
          '  npm run demo -- --stay   the same, and the API and the Temporal UI stay to look at',
        );
        line('  npm run dev              a stack that keeps its data; docs/api.md has the calls');
      }
    } finally {
      await running.stop();
    }
  } finally {
    await stack.stop();
  }
}

/** @param run ends every id of this run, where ids of another one may be remembered */
async function tell(admin: ApiClient, node: Node, run: string): Promise<void> {
  const key = { name: 'demo', client: `demo${run}`, scopes: ['read', 'transfer'] };
  const { body } = await admin.post<{ key: string }>('/v1/api-keys', key);
  const api = admin.withKey(body.key);
  const bank: Bank = { api, node, alice: `alice${run}`, bob: `bob${run}` };
  await openWallets(bank);
  await deposit(bank);
  await transfer(bank);
  await expiry(bank);
  await withdrawal(bank);
  await reconciliation(bank);
}

const given = process.env.DATABASE_URL;
let database: OwnDatabase | null = null;
let opening: Promise<OwnDatabase> | null = null;
let isEnding = false;

const ending = endRequested(() => {
  if (stay) return;
  const exit = () => process.exit(INTERRUPTED);
  // Throw-away data needs no care: the supervisors stop the servers and remove their folders. A
  // database on somebody's server does, but for whoever asks twice.
  if (opening === null || isEnding) exit();
  isEnding = true;
  setTimeout(exit, DROP_TIMEOUT_MS);
  opening?.then((own) => own.drop()).then(exit, exit);
});
try {
  opening = given ? ownDatabase(given) : null;
  database = await opening;
  const env = { ...process.env, ...QUIET, DATABASE_URL: database?.databaseUrl };
  await demo(env, ending);
} catch (error) {
  // What became of the stories without their database is nobody's question.
  if (isEnding) await new Promise(() => {});
  const { message, stack } = error as Error;
  // Ours are plain errors, or the demo's own, whose sentence says all; others are faults of code.
  const isTold = error instanceof DemoFailure || (error as Error).constructor === Error;
  process.stderr.write(`\nThe demo failed. ${isTold ? message : stack}\n`);
  process.exitCode = 1;
} finally {
  await database?.drop();
}

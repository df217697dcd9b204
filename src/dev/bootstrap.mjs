/**
 * The way in: `npm run demo|dev|test|check|check:ui|bench|storm`. Plain JavaScript on Node 20's
 * built-ins, because it runs before anything is installed. It names what the machine lacks,
 * installs the packages when package-lock.json has changed, and runs the `stage:` script of
 * package.json with the Node 24 that those packages bring.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { whatIsMissing, withoutProxyHere } from './bootstrapChecks.mjs';
import { install } from './bootstrapInstall.mjs';

const CLONE = fileURLToPath(new URL('../../', import.meta.url));

const HELP = `Holdfast: durable transfers for crypto balances.

  npm run demo          a deposit, a transfer, a withdrawal and a time-out on a local stack
                        (npm run demo -- --stay keeps it up afterwards, to look around)
  npm run dev           keeps the stack up until Ctrl-C
  npm test              all checks and tests (npm test -- test/ledger runs one folder)
  npm run check         format, lint, types, unused code, migrations
  npm run check:ui      the Temporal UI in a headless browser
  npm run bench ledger  measures the ledger; npm run bench -- --help names the others
  npm run storm         a storm on the chain and in the service, by seed:
                        --seed N | --seeds A..B; npm run storm -- --help has more

Each installs what is missing first. Environment:

  PORT                API port of npm run dev (3000; 0 takes any free one)
  DATABASE_URL        a Postgres 18 of yours (none: an embedded one)
  TEMPORAL_ADDRESS    a Temporal server of yours (none: one is found or fetched)
  TEMPORAL_UI_PORT    port of the Temporal UI (none: any free one)
  CHAIN_RPC_URL       an EVM node of yours, or off (none: a local anvil)
  HOLDFAST_DATA_DIR   where npm run dev keeps its data (.holdfast/data)
  HOLDFAST_ADMIN_KEY  the bootstrap API key (none: one is made and printed)

README.md and docs/ say more.`;

/** How long a stage may take to stop its servers before it is killed. */
const STOP_GRACE_MS = 60_000;
/** How often we look whether npm, our parent, is still there. */
const PARENT_POLL_MS = 200;

/** Stages with options of their own, which their own help tells. */
const WITH_OWN_HELP = ['bench', 'storm'];

const [stage = 'help', ...rest] = process.argv.slice(2);
const asksForHelp = rest.some((word) => word === '--help' || word === '-h');
if (stage === 'help' || (asksForHelp && !WITH_OWN_HELP.includes(stage))) {
  process.stdout.write(`${HELP}\n`);
} else {
  process.exitCode = await main(stage, rest);
}

async function main(name, args) {
  const scripts = JSON.parse(readFileSync(join(CLONE, 'package.json'), 'utf8')).scripts;
  const script = scripts[`stage:${name}`];
  if (!script) return fail(`There is no stage "${name}".\n\n${HELP}`);
  const missing = whatIsMissing(CLONE);
  if (missing.length > 0) {
    const list = missing.map((each) => `- ${each}`).join('\n');
    return fail(`This machine lacks what Holdfast needs:\n${list}`);
  }
  try {
    await install(CLONE);
  } catch (error) {
    return fail(error.message);
  }
  return run(script, args);
}

/** Prints to standard error; the exit code is 1. */
function fail(message) {
  process.stderr.write(`${message}\n`);
  return 1;
}

/**
 * Runs a script as `npm run` would, with the packages' commands first on PATH, but without an npm
 * in between: npm 11 does not pass every signal on, and leaves its child alive when it is killed.
 *
 * The stage's standard input is a pipe from here. It ends when we end, whatever ends us, and a
 * stage that runs servers stops at that end. The stage is a process group of its own, so that
 * Ctrl-C in a terminal reaches us alone and everything stops once and in order.
 */
function run(script, args) {
  const child = spawn('/bin/sh', ['-c', `${script} "$@"`, 'sh', ...args], {
    cwd: CLONE,
    detached: true,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: {
      ...process.env,
      PATH: [join(CLONE, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
      ...withoutProxyHere(process.env),
      HOLDFAST_PARENT_PIPE: '1',
    },
  });
  child.stdin.on('error', () => {});

  const signalAll = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group is gone.
    }
  };
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    child.stdin.end();
    signalAll('SIGTERM');
    setTimeout(() => signalAll('SIGKILL'), STOP_GRACE_MS).unref();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && stop(), PARENT_POLL_MS).unref();

  return new Promise((resolve) => {
    child.once('error', (error) => resolve(fail(`/bin/sh did not start: ${error.message}`)));
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

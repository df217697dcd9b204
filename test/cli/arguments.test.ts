/** What `holdfast` says to arguments and addresses that do not fit: by name, and doing nothing. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { CHAIN_EXPLAIN } from '../../src/cli/chainExplain.ts';
import { CHAIN_PROXY } from '../../src/cli/chainProxy.ts';
import { CODEC_SERVER } from '../../src/cli/codecServer.ts';
import { type Command, reasonOf } from '../../src/cli/command.ts';
import { RECONCILE } from '../../src/cli/reconcile.ts';
import { WEBHOOKS } from '../../src/cli/webhooks.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

/** Nobody listens there. */
const NOWHERE = 'postgres://u:p@localhost:1/x';

let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = (await createTestDatabase()).url;
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** In this process, since each start of one takes seconds on a busy machine. */
async function run(command: Command, args: string[], url = NOWHERE): Promise<unknown> {
  vi.stubEnv('DATABASE_URL', url);
  vi.stubEnv('CHAIN_RPC_URL', 'http://127.0.0.1:1');
  vi.stubEnv('TEMPORAL_CODEC_KEYS', `a:${Buffer.alloc(32).toString('base64')}`);
  return command.run(args).catch((error: unknown) => error);
}

const NODE = ['--upstream', 'http://127.0.0.1:1'];
const ADDRESS = `0x${'1'.repeat(40)}`;

const REFUSED: [Command, string[], string][] = [
  [CHAIN_EXPLAIN, ['--note', 'forgotten'], 'Say by --nonce which transaction it was'],
  [CHAIN_EXPLAIN, ['--withdrawal', 'withdrawal:a:b'], 'Say by --nonce which transaction it was'],
  [CHAIN_EXPLAIN, ['--resume', '--note', 'x', '--nonce', '4'], '--resume lets all senders go on'],
  [CHAIN_EXPLAIN, ['--resume', '--note', 'x', '--sender', ADDRESS], '--resume lets all senders'],
  [CHAIN_EXPLAIN, ['--sender', 'nobody'], '--sender takes an address'],
  [CHAIN_EXPLAIN, ['--nonce', '4', '--note', ''], '--note wants words'],
  [CHAIN_EXPLAIN, ['--nonce', '9'.repeat(20), '--note', 'x'], '--nonce is a whole number'],
  [RECONCILE, ['--look', '--tolerate', 'ETH', '--missing', '1'], '--tolerate changes a setting'],
  [RECONCILE, ['--surplus', ''], '--tolerate ASSET goes with --missing AMOUNT'],
  [CHAIN_PROXY, ['--upstream', 'nonsense'], '--upstream is an http(s) address'],
  [CHAIN_PROXY, ['--upstream', 'http://u:p@a.example'], '--upstream is an http(s) address without'],
  [CHAIN_PROXY, [...NODE, '--listen', '99999'], '--listen takes the number of a port'],
  [CHAIN_PROXY, [...NODE, '--script', '/none'], '--script cannot be read'],
  [CODEC_SERVER, ['--listen', '99999'], '--listen takes the number of a port'],
];

it.each(REFUSED.map(([command, args, words]) => ({ line: args.join(' '), command, args, words })))(
  'refuses $line',
  async ({ command, args, words }) => {
    const error = await run(command, args);
    expect(error).toMatchObject({ name: 'UsageFault', message: expect.stringContaining(words) });
  },
);

it('names DATABASE_URL and the next step, whatever is wrong with it', async () => {
  const said = async (url: string) => reasonOf(await run(WEBHOOKS, [], url));
  const at = (name: string) => Object.assign(new URL(databaseUrl), { pathname: name }).href;
  expect(await said('postgres://u:p/w@h/d')).toMatch(/^DATABASE_URL must be a postgres:\/\/ addr/);
  expect(await said('nonsense')).toMatch(/^DATABASE_URL must be/);
  expect(await said(NOWHERE)).toMatch(/does not answer \(\S.*\)\. Start it, or set DATABASE_URL/);
  expect(await said(at('/none'))).toMatch(/refuses \(.*none.*\)\. Set DATABASE_URL/);
  expect(await said(at('/template1'))).toMatch(/no books of this version \(.*\)\. Set DATABASE_U/);
});

it('tells what else has a code of Node in its own words', async () => {
  expect(reasonOf(await run(RECONCILE, ['--nope']))).toMatch(/^Unknown option '--nope'/);
  const proxy = await startProxy({ upstreams: ['http://127.0.0.1:1'] });
  const { port } = new URL(proxy.url);
  const taken = await run(CHAIN_PROXY, [...NODE, '--listen', port]);
  expect(reasonOf(taken)).toMatch(/^The proxy cannot listen on \d+: it is in use; .* --listen\.$/);
  await proxy.stop();
});

it('says that its output cannot be written, as on a full disk, and ends with 1', () => {
  // A write to it fails.
  const unwritable = openSync(fileURLToPath(import.meta.url), 'r');
  const holdfast = fileURLToPath(new URL('../../src/cli/holdfast.ts', import.meta.url));
  const { status, stderr } = spawnSync(process.execPath, [holdfast, '--help'], {
    stdio: ['ignore', unwritable, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(unwritable);
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^The output cannot be .*\)\.\n$/)]);
});

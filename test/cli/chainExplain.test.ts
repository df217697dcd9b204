/** `holdfast chain explain` as a person types it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, expect, it, vi } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { registerHotAddress } from '../../src/withdrawals/hotWallet.ts';
import { MNEMONIC, openNode } from '../chains/node.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { rpcUrl } from '../support/testServers.ts';

/** Each call starts a process, and a busy machine takes seconds for one. */
vi.setConfig({ testTimeout: 120_000 });

const HOLDFAST = fileURLToPath(new URL('../../src/cli/holdfast.ts', import.meta.url));
const KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
const TERMS = { gas: '21000', maxFeePerGas: '100000000000', maxPriorityFeePerGas: '1' };

let env: NodeJS.ProcessEnv;
let mine: (blocks: number) => Promise<void>;

const explain = (...args: string[]) =>
  spawnSync(process.execPath, [HOLDFAST, 'chain', 'explain', ...args], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });

/** The hot wallet's key in other hands: two transactions that nobody told the books of. */
beforeAll(async () => {
  const [database, url] = await Promise.all([createTestDatabase(), rpcUrl()]);
  const port = await connectEvm(url);
  const sender = KEY.address.toLowerCase();
  await registerHotAddress(database.pool, port, sender);
  const node = openNode(url);
  const payment = { sender, destination: sender, contract: null, units: 7n };
  for (const nonce of [0, 1]) {
    const draft = parseDraft(port.draft(payment, TERMS, nonce));
    await node.resend(await KEY.signTransaction(draft));
  }
  env = { DATABASE_URL: database.url, CHAIN_RPC_URL: url };
  mine = (blocks) => node.mine(blocks);
});

it('keeps no note of what is not final: a dropped block would leave its nonce to nobody', () => {
  expect(explain('--nonce', '0', '--note', 'a test').stderr).toMatch(
    /^0x\w+ is in block \d+, and only blocks up to \d+ are final: .* say it again when/m,
  );
});

it('lists what is not known, takes a word for each, lowest first, and then knows all', async () => {
  await mine(3);
  const listed = explain();
  expect(listed.stdout).toMatch(/nonce 0: 0x.* 7 units of the native coin to 0x/);
  expect(explain('--nonce', '1', '--note', 'a test').status).toBe(1);
  expect(explain('--resume', '--note', 'a test').stderr).toMatch(
    /2 transactions are not explained/,
  );
  expect(explain('--nonce', '0', '--note', 'a test').stdout).toBe('1 are left.\n');
  expect(explain('--nonce', '1', '--note', 'a test').stdout).toMatch(/it goes on/);
  expect(explain().stdout).toMatch(/know all/);
});

it.each([
  [['--nonce', 'x', '--note', 'n'], /whole number/],
  [['--nonce', '3'], /either --withdrawal or --note/],
  [['--nonce', '3', '--withdrawal', 'w', '--own'], /--own goes with a --note/],
  [['--what'], /--what/],
  [['--resume'], /what you found/],
])('refuses %j in words', (args, words) => {
  const { status, stderr } = explain(...args);
  expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
});

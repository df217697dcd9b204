/**
 * Several nodes behind one address, of which one is on another branch: what it says of a nonce is
 * no proof, since the books follow the first one's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mnemonicToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectChain } from '../../src/chains/connection.ts';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { type FaultProxy, startProxy } from '../../src/chains/faults/proxy.ts';
import { type Anvil, startAnvil } from '../../src/dev/stack/anvil.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { broadcastWithdrawal, followWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC, openNode } from './node.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

const KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
const logs = mkdtempSync(join(tmpdir(), 'holdfast-other-'));
let world: PayWorld;
let other: Anvil;
let proxy: FaultProxy;
let deps: PayDeps;

beforeAll(async () => {
  world = await createPayWorld();
  // Deeper than that the branches part.
  await world.database.owner.query("update assets set final = '1'");
  other = await startAnvil({
    stateFile: null,
    logFile: join(logs, 'anvil.log'),
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
    forkOf: world.rpcUrl,
  });
  proxy = await startProxy({ upstreams: [world.rpcUrl, other.rpcUrl] });
  deps = { ...world.deps, chain: connectChain(proxy.url) };
});

afterAll(async () => {
  await proxy.stop();
  await other.stop();
  rmSync(logs, { recursive: true, force: true });
});

/** Something that the other node's branch has on a nonce, and the first one's has not. */
async function foreign(nonce: number): Promise<void> {
  const terms = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '9000000000' };
  const payment = { sender: HOT, destination: HOT, contract: null, units: 0n };
  const draft = parseDraft(world.port.draft(payment, terms, nonce));
  const node = openNode(other.rpcUrl);
  await node.rpc('eth_sendRawTransaction', await KEY.signTransaction(draft));
  await node.mine(3);
}

it('gives nothing back by a block that the books do not have', async () => {
  const { id, wallet } = await world.withdraw('ETH', '0.5');
  await world.node.automine(false);
  await world.sign(id);
  await foreign(await world.port.nextSequence(HOT));
  await world.node.mine(3);
  await world.follow();
  const of = { kind: 'upstream', upstream: 1 } as const;
  proxy.add({ ...of, methods: ['eth_getTransactionCount', 'eth_getTransactionReceipt'] });
  // Whole blocks, as they are looked through for a nonce. Headers still come from the first one.
  proxy.add({ ...of, methods: ['eth_getBlockByNumber'], containing: 'true' });
  const { group, why } = await followWithdrawal(deps, id);
  expect(group).toMatchObject({ status: 'IN_PROGRESS' });
  expect(why).toMatch(/spent by something else; that is not final yet/);
  proxy.clear();
  await broadcastWithdrawal(deps, id);
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '0' });
  await world.expectReconciled();
});

it.each([
  ['block', 'eth_getBlockByNumber'],
  ['receipt', 'eth_getTransactionReceipt'],
])('ends nothing by a %s that another node does not have', async (_, method) => {
  const { id, wallet } = await world.withdraw('ETH', '0.5');
  await world.node.automine(false);
  await world.sign(id);
  await broadcastWithdrawal(deps, id);
  await world.node.mine(3);
  await world.follow();
  const node = openNode(other.rpcUrl);
  while ((await node.height()) < (await world.node.height())) await node.mine();
  proxy.add({ kind: 'upstream', upstream: 1, methods: [method] });
  const { group, why } = await followWithdrawal(deps, id);
  expect(group).toMatchObject({ status: 'IN_PROGRESS' });
  expect(why).toBe('The node no longer has its block.');
  expect(await world.balance(wallet)).toMatchObject({ held: '0.5' });
  proxy.clear();
  expect((await followWithdrawal(deps, id)).group).toMatchObject({ status: 'SETTLED' });
  await world.expectReconciled();
});

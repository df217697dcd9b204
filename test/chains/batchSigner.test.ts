/** Batches before the reference signer: its journal knows each withdrawal, not the batch alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { english, generateMnemonic } from 'viem/accounts';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createSigner, type SignerOptions } from '../../examples/remote-signer/server.ts';
import type { Payment } from '../../src/chains/port.ts';
import { connectMnemonicSigner, connectRemoteSigner } from '../../src/withdrawals/hotWallet.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { createRemoteSigner } from '../../src/withdrawals/remoteSigner.ts';
import { SignerRefused } from '../../src/withdrawals/signer.ts';
import { type BatchWorld, createBatchWorld, PAYOUT, payee } from './batchWorld.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';

const TOKEN = 'a token of this test';
const TERMS = { gas: '210000', maxFeePerGas: '2000000000', maxPriorityFeePerGas: '1' };
const REFUSES = '0x60006000fd';
const folder = mkdtempSync(join(tmpdir(), 'signer-'));
const servers: Server[] = [];
let world: BatchWorld;
let payees = 500;
let journals = 0;

beforeAll(async () => {
  world = await createBatchWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

async function listen(more: Partial<SignerOptions>) {
  const options = { mnemonic: MNEMONIC, token: TOKEN, chains: [world.port.chain] };
  const journalPath = join(folder, `${++journals}.jsonl`);
  const server = createSigner({ ...options, maxFeeWei: 10n ** 16n, journalPath, ...more });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, token: TOKEN, timeoutMs: 5_000 };
}

async function paying(more: Partial<SignerOptions>): Promise<PayDeps> {
  const settings = await listen(more);
  return { ...world.deps, signer: connectRemoteSigner(world.db, world.chain, settings) };
}

/** Two withdrawals in a batch that failed in a final block, because the second payee refused. */
async function failed(deps: PayDeps) {
  const to = [payee(payees++), payee(payees++)];
  const ids = await world.waiting(to.map((destination) => ({ amount: '0.001', destination })));
  const [batch = ''] = await world.open();
  await world.node.automine(false);
  await signWithdrawal(deps, batch);
  await world.send(batch);
  await world.node.rpc('anvil_setCode', to[1], REFUSES);
  await world.node.mine(3);
  await world.look(batch);
  await world.look(batch);
  await world.node.rpc('anvil_setCode', to[1], '0x');
  expect(await world.states([batch, ...ids])).toEqual(['released', 'held', 'held']);
  await world.node.automine(true);
  return ids;
}

const part = (groupId: string, units: bigint, destination = payee(1)) => ({
  groupId,
  destination,
  units,
});

function request(groupId: string, nonce: number, parts: ReturnType<typeof part>[]) {
  const units = parts.reduce((sum, each) => sum + each.units, 0n);
  const payment: Payment = {
    sender: HOT,
    destination: PAYOUT.toLowerCase(),
    contract: null,
    units,
    parts,
  };
  const draft = world.port.draft(payment, TERMS, nonce);
  const members = parts.map((each) => each.groupId);
  const { chain } = world.port;
  return { groupId, chain, kind: 'payment' as const, payment, sequence: nonce, draft, members };
}

function single(groupId: string, nonce: number, units: bigint) {
  const payment = { sender: HOT, destination: payee(1), contract: null, units };
  const draft = world.port.draft(payment, TERMS, nonce);
  const { chain } = world.port;
  return { groupId, chain, kind: 'payment' as const, payment, sequence: nonce, draft };
}

it('take a nonce of the signer that was named last, although it had been before', async () => {
  const { db, chain } = world;
  for (const mnemonic of [generateMnemonic(english), MNEMONIC]) {
    await connectMnemonicSigner(db, chain, mnemonic)();
  }
  const to = [payee(payees++), payee(payees++)];
  await world.waiting(to.map((destination) => ({ amount: '0.001', destination })));
  const [batch = ''] = await world.open();
  const sender = 'select sender from withdrawal_attempts where group_id = $1';
  expect(await world.value(sender, batch)).toBe(HOT);
  await world.sign(batch);
  await world.send(batch);
  await world.node.mine(3);
  expect(await world.look(batch)).toMatchObject({ status: 'SETTLED' });
  await world.expectWhole();
});

it('signs a batch again as the same bytes, and each withdrawal in one place alone', async () => {
  const journalPath = join(folder, 'own.jsonl');
  const connect = async (more = {}) =>
    createRemoteSigner(await listen({ journalPath, payout: PAYOUT, ...more }), world.port.chain);
  const signer = await connect();
  const batch = request('b1', 900, [part('w1', 5n), part('w2', 7n)]);
  const signed = await signer.sign(batch);
  expect(await signer.sign(batch)).toEqual(signed);
  await signer.sign(single('w4', 904, 5n));
  const after = await connect();
  expect(await after.sign(batch)).toEqual(signed);
  for (const other of [
    request('b1', 900, [part('w1', 5n), part('w2', 8n)]),
    request('b1', 900, [part('w1', 5n)]),
    request('b1', 900, [part('w1', 5n), part('w3', 7n)]),
    request('b1', 901, [part('w1', 5n), part('w2', 7n)]),
    request('b2', 902, [part('w2', 7n), part('w3', 9n)]),
    request('b2', 902, [part('w4', 5n), part('w3', 9n)]),
    single('w1', 903, 5n),
    single('b1', 900, 12n),
    { ...request('b3', 905, [part('w5', 1n)]), draft: batch.draft },
  ]) {
    await expect(after.sign(other)).rejects.toThrow(SignerRefused);
  }
  await expect((await connect({ payout: undefined })).sign(batch)).rejects.toThrow(
    /signs no payment of several withdrawals at once/,
  );
  await expect((await connect({ payout: world.usdx })).sign(batch)).rejects.toThrow(
    /paid through 0x\w+ alone/,
  );
});

it('pays a batch without a key in this process', async () => {
  const deps = await paying({ payout: PAYOUT });
  const asked = { asset: 'USDX', amount: '2.5', destination: payee(payees++) };
  const ids = await world.waiting([asked, asked]);
  const [batch = ''] = await world.open();
  await signWithdrawal(deps, batch);
  await world.send(batch);
  await world.node.mine(3);
  expect((await world.look(batch)).status).toBe('SETTLED');
  expect(await world.states(ids)).toEqual(['settled', 'settled']);
  await world.expectWhole();
});

it('signs a withdrawal by itself once a node has shown that its batch failed', async () => {
  const deps = await paying({ payout: PAYOUT, rpcUrl: world.rpcUrl });
  for (const id of await failed(deps)) {
    expect((await signWithdrawal(deps, id)).group.withdrawal?.state).toBe('signed');
    await world.send(id);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  }
  await world.expectWhole();
});

it('refuses that without a node: then it is given back, and paid by nobody', async () => {
  const deps = await paying({ payout: PAYOUT });
  for (const id of await failed(deps)) {
    await signWithdrawal(deps, id);
    await world.follow();
    expect((await followWithdrawal(deps, id)).replace).toBe(true);
    await replaceWithdrawal(deps, id);
    await world.send(id);
    await world.node.mine(4);
    await world.look(id);
    expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'SIGNER_REFUSED' });
  }
  await world.expectWhole();
});

it('lets its withdrawals go alone where the signer signs no batches', async () => {
  const deps = await paying({});
  const ids = await world.waiting(
    [1, 2].map(() => ({ amount: '0.001', destination: payee(payees++) })),
  );
  const [batch = ''] = await world.open();
  await signWithdrawal(deps, batch);
  await world.follow();
  expect((await followWithdrawal(deps, batch)).replace).toBe(true);
  await replaceWithdrawal(deps, batch);
  await world.send(batch);
  await world.node.mine(4);
  await world.look(batch);
  expect(await world.look(batch)).toMatchObject({ status: 'RELEASED', reason: 'SIGNER_REFUSED' });
  for (const id of ids) {
    expect((await signWithdrawal(deps, id)).group.withdrawal?.state).toBe('signed');
    await world.send(id);
    await world.node.mine(3);
    expect((await world.look(id)).status).toBe('SETTLED');
  }
  await world.expectWhole();
});

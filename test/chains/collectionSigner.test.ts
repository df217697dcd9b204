/** Keys of deposit addresses stay in the signer, and pay the hot wallet alone. */
import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recoverTransactionAddress } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSigner } from '../../examples/remote-signer/server.ts';
import { depositPath, deriveAddress } from '../../src/chains/evm/addresses.ts';
import { draft } from '../../src/chains/evm/transactions.ts';
import type { Payment } from '../../src/chains/port.ts';
import { createRemoteSigner } from '../../src/withdrawals/remoteSigner.ts';
import { createMnemonicSigner, type Signer, SignerRefused } from '../../src/withdrawals/signer.ts';
import { HOT, XPUB } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';

const CHAIN = 'eip155:31337';
const TERMS = { gas: '21000', maxFeePerGas: '2000000000', maxPriorityFeePerGas: '1' };
const PATH = depositPath('alice', 0);
const ADDRESS = deriveAddress(XPUB, PATH);
const OTHER = '0x2222222222222222222222222222222222222222';

const payment = (more: Partial<Payment> = {}): Payment => ({
  sender: ADDRESS,
  destination: HOT,
  contract: null,
  units: 5n,
  ...more,
});

/** Every group has a nonce of its own, so that no other rule refuses it. */
const NONCES: Record<string, number> = { c: 0, d: 1 };

const request = (groupId: string, asked: Payment, kind: 'payment' | 'cancel' = 'payment') => ({
  groupId,
  chain: CHAIN,
  kind,
  payment: asked,
  sequence: NONCES[groupId] ?? 0,
  draft: draft(31337, asked, TERMS, NONCES[groupId] ?? 0),
  path: PATH.join('/'),
});

const folder = mkdtempSync(join(tmpdir(), 'signer-'));
let server: Server;
let signers: Record<string, Signer>;

beforeAll(async () => {
  const journalPath = join(folder, 'signed.jsonl');
  const token = 'a token of this test';
  const chains = [CHAIN];
  server = createSigner({ mnemonic: MNEMONIC, token, chains, maxFeeWei: 10n ** 15n, journalPath });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  signers = {
    mnemonic: createMnemonicSigner(MNEMONIC, CHAIN),
    remote: await createRemoteSigner({ url, token, timeoutMs: 2_000 }, CHAIN),
  };
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

describe.each(['mnemonic', 'remote'])('the %s signer', (name) => {
  const sign = (asked: ReturnType<typeof request>) => (signers[name] as Signer).sign(asked);

  it('signs for the deposit address of a path, to the hot wallet', async () => {
    const { bytes } = await sign(request('c', payment()));
    const serializedTransaction = bytes as `0x02${string}`;
    const sender = await recoverTransactionAddress({ serializedTransaction });
    expect(sender.toLowerCase()).toBe(ADDRESS);
    expect(await sign(request('c', payment()))).toMatchObject({ bytes });
  });

  it('signs a transfer of nothing in its place', async () => {
    const nothing = payment({ destination: ADDRESS, units: 0n });
    await sign(request('c', nothing, 'cancel'));
  });

  it.each([
    ['to anybody else', request('d', payment({ destination: OTHER }))],
    ['of a token to anybody else', request('d', payment({ destination: OTHER, contract: OTHER }))],
    ['of another address', request('d', payment({ sender: OTHER }))],
    ['of the hot wallet', request('d', payment({ sender: HOT }))],
    ['of something as a cancellation', request('d', payment(), 'cancel')],
    ['of another path', { ...request('d', payment()), path: '1/2' }],
  ])('refuses a payment %s', async (_, asked) => {
    await expect(sign(asked)).rejects.toThrow(SignerRefused);
  });
});

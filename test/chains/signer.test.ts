/** The development signer signs what it was asked for, and on no main net. */
import { parseTransaction, recoverTransactionAddress } from 'viem';
import { describe, expect, it } from 'vitest';
import { draft } from '../../src/chains/evm/transactions.ts';
import type { ChainPort, Payment } from '../../src/chains/port.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import type { Db } from '../../src/db/pool.ts';
import { hotWalletAddress } from '../../src/withdrawals/developmentKeys.ts';
import { connectMnemonicSigner, refuseMainNet } from '../../src/withdrawals/hotWallet.ts';
import { createMnemonicSigner, SignerRefused } from '../../src/withdrawals/signer.ts';
import { MNEMONIC } from './node.ts';

const signer = createMnemonicSigner(MNEMONIC, 'eip155:31337');
const terms = { gas: '21000', maxFeePerGas: '2000000000', maxPriorityFeePerGas: '1' };
const payment: Payment = {
  sender: signer.sender,
  destination: '0x1111111111111111111111111111111111111111',
  contract: null,
  units: 5n,
};
const request = (asked: Payment, signed: Payment = asked, sequence = 7) => ({
  groupId: 'withdrawal:test:1',
  chain: 'eip155:31337',
  kind: 'payment' as const,
  payment: asked,
  sequence: 7,
  draft: draft(31337, signed, terms, sequence),
});

it('is the first account of the mnemonic, the one that anvil funds', () => {
  expect(signer.sender).toBe('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266');
  expect(hotWalletAddress(MNEMONIC)).toBe(signer.sender);
});

it('signs the same request to the same bytes, and these are what was asked for', async () => {
  const signed = await signer.sign(request(payment));
  expect(await signer.sign(request(payment))).toEqual(signed);
  const bytes = signed.bytes as `0x02${string}`;
  const sender = await recoverTransactionAddress({ serializedTransaction: bytes });
  expect(sender.toLowerCase()).toBe(signer.sender);
  expect(parseTransaction(bytes)).toMatchObject({ value: 5n, nonce: 7, to: payment.destination });
});

describe('refuses bytes that', () => {
  const other = '0x2222222222222222222222222222222222222222';
  it.each([
    ['pay somebody else', request(payment, { ...payment, destination: other })],
    ['pay another amount', request(payment, { ...payment, units: 6n })],
    ['call a token instead', request(payment, { ...payment, contract: other })],
    ['have another nonce', request(payment, payment, 8)],
    ['another sender is to sign', request({ ...payment, sender: other }, payment)],
    ['are for another chain', { ...request(payment), draft: draft(5, payment, terms, 7) }],
  ])('%s', async (_, asked) => {
    await expect(signer.sign(asked)).rejects.toThrow(SignerRefused);
  });
});

it.each(['eip155:1', 'eip155:137', 'eip155:8453', 'eip155:42161'])(
  'does not exist on %s',
  (chain) => {
    expect(() => createMnemonicSigner(MNEMONIC, chain)).toThrow(/main net/);
  },
);

it('ends a process that begins on a main net, and not one whose node is away', async () => {
  const db = { query: () => Promise.reject(new Error('nothing is written')) } as unknown as Db;
  const mainNet = async () => ({ chain: 'eip155:1' }) as ChainPort;
  const away = () => Promise.reject(new ChainUnavailable('no answer'));
  await expect(refuseMainNet(connectMnemonicSigner(db, mainNet, MNEMONIC))).rejects.toThrow(
    /main net/,
  );
  await refuseMainNet(connectMnemonicSigner(db, away, MNEMONIC));
});

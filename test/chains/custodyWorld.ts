/** A custodian in a test's hands, on a chain of its own, and withdrawals that it pays. */
import { expect } from 'vitest';
import {
  createProvider,
  type Provider,
  type ProviderOptions,
} from '../../examples/custodial-provider/server.ts';
import { walletOf } from '../../examples/custodial-provider/wallet.ts';
import { readCustodians } from '../../src/contracts/custodians.ts';
import { groupId, stepKey } from '../../src/contracts/ids.ts';
import type { OpenWithdrawalInput, StepOutcome } from '../../src/contracts/steps.ts';
import { advanceCustody, type CustodyLook } from '../../src/custody/advance.ts';
import { connectCustodians } from '../../src/custody/connect.ts';
import type { CustodyDeps } from '../../src/custody/hear.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import { createLog } from '../../src/observability/log.ts';
import { atFileEnd } from '../support/borrow.ts';
import { type ChainWorld, createChainWorld } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';

export const SHOP = { name: 'shop', admin: false };
const TOKEN = 'the-token-of-the-custodian';

export interface CustodyWorld extends ChainWorld {
  provider: Provider;
  deps: CustodyDeps;
  /** Alerts of the log, in order. */
  alerts: string[];
  /** A funded wallet, and the input of a withdrawal of all of it. */
  prepare(amount: string, destination?: string): Promise<OpenWithdrawalInput>;
  /** The same, and the withdrawal held. Answers its id. */
  withdraw(amount: string, destination?: string): Promise<string>;
  look(id: string): Promise<CustodyLook>;
  /** An operator gives back what was settled and will never be paid, or a part of it. */
  reverse(id: string, amount?: string): Promise<StepOutcome>;
  /** An admin moves coins of the asset, with a reference of the admin's own. */
  move(from: string, to: string, amount: string, reference?: string): Promise<void>;
  /** Mines until what is in a block is final, and has the books follow. */
  finalize(): Promise<void>;
  /** What lies at an address, in wei. */
  coinsAt(address: string): Promise<bigint>;
}

let addresses = 0;
/** An address that nobody has paid to. */
export const freshAddress = () => `0x${(0xc0ffee00 + ++addresses).toString(16).padStart(40, '0')}`;

/** @param chain null: the custodian's word alone counts */
export async function createCustodyWorld(
  options: Partial<ProviderOptions> = {},
  chain: string | null = 'eip155:31337',
): Promise<CustodyWorld> {
  const world = await createChainWorld();
  const { db } = world;
  const pay = walletOf({ mnemonic: MNEMONIC, rpcUrl: world.rpcUrl });
  const provider = createProvider({ token: TOKEN, pay, ...options });
  const url = await listen(provider);
  await createAsset(db, { code: 'ETH.C', scale: 18 } as Parameters<typeof createAsset>[1]);
  const settings = { url, token: TOKEN, failureGraceSeconds: 0, timeoutMs: 2_000 };
  const assets = { 'ETH.C': chain === null ? {} : { chain } };
  const faults: string[] = [];
  const custodians = await connectCustodians(
    db,
    readCustodians(JSON.stringify({ test: { ...settings, assets } }), faults),
  );
  expect(faults).toEqual([]);
  const alerts: string[] = [];
  const log = createLog('info', {
    write: (line: string) => {
      const { alert } = JSON.parse(line) as { alert?: string };
      if (alert) alerts.push(alert);
    },
  });
  const deps: CustodyDeps = { db, custodians, chain: world.chain, log };
  await world.follow();
  let count = 0;
  const prepare: CustodyWorld['prepare'] = async (amount, destination = freshAddress()) => {
    const key = `c${++count}`;
    const wallet = `wallet-${key}`;
    await createWallet(db, { id: wallet, owner: wallet, asset: 'ETH.C' });
    await move(world, 'external:ETH.C', wallet, amount);
    return {
      groupId: groupId('withdrawal', 'shop', key),
      stepKey: stepKey('create', 'shop', key),
      actor: SHOP,
      client: 'shop',
      wallet,
      amount,
      destination,
      feeMode: 'platform',
      maxFee: null,
      riskMeta: null,
      expiresIn: null,
      metadata: {},
      acceptBy: null,
    };
  };
  return {
    ...world,
    provider,
    deps,
    alerts,
    prepare,
    async withdraw(...asked) {
      const input = await prepare(...asked);
      expect(await openWithdrawal(db, input)).toMatchObject({ outcome: 'done' });
      return input.groupId;
    },
    look: (id) => advanceCustody(deps, id),
    move: (...asked) => move(world, ...asked),
    reverse: (id, amount) =>
      reverse(db, {
        groupId: `reversal:ops:${id}`,
        stepKey: 'reverse:ops:1',
        actor: { name: 'ops', admin: false },
        reverses: id,
        client: 'ops',
        amount: amount ?? null,
        legs: null,
        reason: 'acme says that it was never sent',
        acceptBy: null,
      }),
    async finalize() {
      await world.node.mined();
      await world.node.mine(5);
      await world.follow();
    },
    coinsAt: async (address) => BigInt(await world.node.rpc('eth_getBalance', address, 'latest')),
  };
}

async function listen({ server }: Provider): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

async function move(
  { db }: ChainWorld,
  from: string,
  to: string,
  amount: string,
  reference: string | null = null,
) {
  const paid = await openTransfer(db, {
    groupId: `transfer:test:fund-${to}`,
    stepKey: 'create:test:fund',
    actor: { name: 'test', admin: true },
    client: 'test',
    legs: [
      { wallet: from, type: 'DEBIT', amount },
      { wallet: to, type: 'CREDIT', amount },
    ],
    settle: 'immediate',
    expiresIn: null,
    reference,
    metadata: {},
    acceptBy: null,
  });
  expect(paid.outcome).toBe('done');
}

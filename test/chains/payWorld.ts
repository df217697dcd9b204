/** Withdrawals in a test's hands: opened, signed, sent and looked at, on a chain of its own. */
import { expect } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { addAmounts } from '../../src/contracts/amounts.ts';
import { groupId, stepKey } from '../../src/contracts/ids.ts';
import type { Group } from '../../src/contracts/resources.ts';
import type { OpenWithdrawalInput } from '../../src/contracts/steps.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { connectMnemonicSigner } from '../../src/withdrawals/hotWallet.ts';
import {
  broadcastWithdrawal,
  followWithdrawal,
  signWithdrawal,
} from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { type ChainWorld, createChainWorld, log, type WorldOptions } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';

/** Somebody outside. */
export const DESTINATION = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
export const SHOP = { name: 'shop', admin: false };

interface Asked {
  destination?: string;
  expiresIn?: number;
  /** Most that the customer pays for the network; left out: the platform pays. */
  customerFee?: string;
}

export interface PayWorld extends ChainWorld {
  deps: PayDeps;
  /** A wallet funded out of the treasury, and the input of a withdrawal of all of it. */
  prepare(asset: string, amount: string, more?: Asked): Promise<OpenWithdrawalInput>;
  /** The same, and the withdrawal held. */
  withdraw(asset: string, amount: string, more?: Asked): Promise<{ id: string; wallet: string }>;
  sign(id: string): Promise<Group>;
  send(id: string): Promise<Group>;
  /** Reads the chain, then looks at the withdrawal. */
  look(id: string): Promise<Group>;
  /** Every coin on our addresses is in the books, and no other. */
  expectReconciled(): Promise<void>;
}

export async function createPayWorld(options?: WorldOptions): Promise<PayWorld> {
  const world = await createChainWorld(options);
  const { db, chain, port } = world;
  const signer = connectMnemonicSigner(db, chain, MNEMONIC);
  const deps: PayDeps = {
    db,
    chain,
    signer,
    log,
    stuckAfterSeconds: 600,
    bumpAfterSeconds: null,
    feeCap: null,
    inFlight: 100,
  };
  await world.follow();
  let count = 0;
  const prepare: PayWorld['prepare'] = async (asset, amount, more = {}) => {
    const key = `w${++count}`;
    const wallet = `wallet-${key}`;
    await world.wallet(wallet, asset);
    const { customerFee } = more;
    await fund(world, wallet, asset, addAmounts(amount, customerFee ?? '0'));
    return {
      groupId: groupId('withdrawal', 'shop', key),
      stepKey: stepKey('create', 'shop', key),
      actor: SHOP,
      client: 'shop',
      wallet,
      amount,
      destination: more.destination ?? DESTINATION,
      feeMode: customerFee === undefined ? 'platform' : 'customer',
      maxFee: customerFee ?? null,
      riskMeta: null,
      expiresIn: more.expiresIn ?? null,
      metadata: {},
      acceptBy: null,
    };
  };
  return {
    ...world,
    deps,
    prepare,
    async withdraw(...asked) {
      const input = await prepare(...asked);
      const opened = await openWithdrawal(db, input);
      expect(opened).toMatchObject({ outcome: 'done', group: { withdrawal: { state: 'held' } } });
      return { id: input.groupId, wallet: input.wallet };
    },
    sign: async (id) => (await signWithdrawal(deps, id)).group,
    async send(id) {
      const { group } = await broadcastWithdrawal(deps, id);
      await world.node.mined();
      return group;
    },
    async look(id) {
      await world.follow();
      return (await followWithdrawal(deps, id)).group;
    },
    async expectReconciled() {
      await world.node.mine(3);
      await world.follow();
      const lines = await reconcileChain(db, port);
      expect(lines.map(({ asset, drift, places }) => [asset, drift, places])).toEqual([
        ['ETH', '0', []],
        ['USDX', '0', []],
      ]);
    },
  };
}

/** Out of the treasury, so that the books stay true to the chain. */
async function fund({ db }: ChainWorld, wallet: string, asset: string, amount: string) {
  const funded = await openTransfer(db, {
    groupId: `transfer:test:fund-${wallet}`,
    stepKey: 'create:test:fund',
    actor: { name: 'test', admin: true },
    client: 'test',
    legs: [
      { wallet: `treasury:${asset}`, type: 'DEBIT', amount },
      { wallet, type: 'CREDIT', amount },
    ],
    settle: 'immediate',
    expiresIn: null,
    reference: null,
    metadata: {},
    acceptBy: null,
  });
  expect(funded.outcome).toBe('done');
}

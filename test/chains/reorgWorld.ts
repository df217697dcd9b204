/** Deposits that are credited, spent and lost again, in a test's hands. */
import { expect } from 'vitest';
import type { ChainStepOutcome } from '../../src/chains/chainStep.ts';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import type { Group } from '../../src/contracts/resources.ts';
import type { Db } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { readWallet } from '../../src/ledger/wallets.ts';
import type { Sent } from './node.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

export const ETH = 10n ** 18n;

export interface Credited extends Sent {
  wallet: string;
  address: string;
  inclusion: string;
  groupId: string;
  reversalId: string;
}

export type ReorgWorld = PayWorld & ReturnType<typeof reorgActs>;

/** Two confirmations credit ETH: as deep as the local chain turns back before a block is final. */
export async function createReorgWorld(): Promise<ReorgWorld> {
  const world = await createPayWorld();
  await world.database.owner.query("update assets set confirmations = 2 where code = 'ETH'");
  return { ...world, ...reorgActs(world) };
}

function reorgActs(world: PayWorld) {
  const { db, node } = world;
  let count = 0;

  const lastInclusion = async (txid: string) => {
    const { rows } = await world.database.owner.query(
      `select id::text as id, group_id as "groupId" from chain_inclusions where txid = $1
       order by chain_inclusions.id desc limit 1`,
      [txid],
    );
    return rows[0] as { id: string; groupId: string };
  };

  /** Opens the newest inclusion of a transaction, and credits it if it may be. */
  const decide = async (txid: string): Promise<ChainStepOutcome> => {
    const { id } = await lastInclusion(txid);
    await openChainDeposit(db, id);
    return creditChainDeposit(db, id);
  };

  /** The same after reading the chain. */
  const book = async (txid: string): Promise<ChainStepOutcome> => {
    await world.follow();
    return decide(txid);
  };

  /** A wallet with nothing in it. */
  const open = async (): Promise<string> => {
    const wallet = `reorg-${++count}`;
    await world.wallet(wallet, 'ETH');
    return wallet;
  };

  return {
    ...reads(world),
    ...customers(world),
    lastInclusion,
    decide,
    book,
    open,

    /** A wallet with a deposit of so many ETH that is credited. */
    async credited(ether: bigint): Promise<Credited> {
      const wallet = `reorg-${++count}`;
      const address = await world.wallet(wallet, 'ETH');
      const sent = await node.send({ to: address, wei: ether * ETH });
      await node.mine();
      expect(await book(sent.txid)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
      const { id, groupId } = await lastInclusion(sent.txid);
      const reversalId = groupId.replace('deposit:', 'reversal:');
      return { ...sent, wallet, address, inclusion: id, groupId, reversalId };
    },

    /** The last two blocks become others; the new branch is read as far as the old one was. */
    async drop(): Promise<void> {
      await node.reorg(2);
      expect(await world.follow()).toMatchObject({ turn: 'idle' });
    },

    /** The books are whole, and every coin on our addresses is in them. */
    async expectWhole(): Promise<void> {
      expect(await audit(db)).toMatchObject({ ok: true, faults: [] });
      await world.expectReconciled();
    },
  };
}

/** What customers do with their money meanwhile. */
function customers(world: PayWorld) {
  const { db } = world;
  let moves = 0;
  return {
    async move(
      from: string,
      to: string,
      amount: string,
      manual = false,
      on: Db = db,
    ): Promise<Group> {
      const key = `m${++moves}`;
      const moved = await openTransfer(on, {
        groupId: `transfer:shop:${key}`,
        stepKey: `create:shop:${key}`,
        actor: SHOP,
        client: 'shop',
        legs: [
          { wallet: from, type: 'DEBIT', amount },
          { wallet: to, type: 'CREDIT', amount },
        ],
        settle: manual ? 'manual' : 'immediate',
        expiresIn: manual ? 3600 : null,
        reference: null,
        metadata: {},
        acceptBy: null,
      });
      if (moved.outcome !== 'done') throw new Error(JSON.stringify(moved));
      return moved.group;
    },

    async withdrawFrom(wallet: string, amount: string): Promise<string> {
      const input = await world.prepare('ETH', '1');
      const opened = await openWithdrawal(db, { ...input, wallet, amount });
      expect(opened).toMatchObject({ outcome: 'done' });
      return input.groupId;
    },
  };
}

function reads({ db, value, balance, follow }: PayWorld) {
  return {
    /** Follows until the stored chain has gone back. */
    async rewound(): Promise<void> {
      const reorgs = () => value<number>('select reorgs::integer from chains');
      const before = await reorgs();
      while ((await reorgs()) === before) await follow();
    },
    async legsOf(id: string) {
      const group = await readGroup(db, id);
      return group?.legs.map((leg) => [leg.wallet, leg.type, leg.settled]) ?? [];
    },
    /** How many of a transaction's inclusions stand credited in the books. */
    creditsOf: (txid: string) =>
      value<number>(
        `select count(*)::integer from chain_inclusions
         where txid = $1 and credited_at is not null`,
        txid,
      ),
    statusOf: async (wallet: string) => (await readWallet(db, wallet))?.status,
    events: async (id: string) => (await readTimeline(db, id)).map(({ event }) => event),
    owed: (wallet: string) =>
      value<string>(
        `select coalesce(trim_scale(sum(remaining)), 0)::text from wallet_shortfalls
         where wallet_id = $1`,
        wallet,
      ),
    shortfall: async () => Number((await balance('shortfall:ETH')).settled),
    tasks: (kind: string, inclusion: string) =>
      value<number>(
        'select count(*)::integer from chain_tasks where kind = $1 and inclusion_id = $2',
        kind,
        inclusion,
      ),
  };
}

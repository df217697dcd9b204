/** Coins on deposit addresses, and what brings them to the hot wallet, in a test's hands. */
import { expect } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { type CollectDeps, collectOnce } from '../../src/collection/collect.ts';
import type { Amount, Group } from '../../src/contracts/resources.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { log, type WorldOptions } from './chainWorld.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

export const ETH = 10n ** 18n;
/** Base units of USDX. */
export const USDX = 10n ** 6n;

interface Rule {
  min: Amount;
  maxFee?: Amount;
  low?: Amount;
  high?: Amount;
}

export interface CollectWorld extends PayWorld {
  collecting: CollectDeps;
  /** Replaces an asset's rule. */
  rule(asset: string, rule: Rule): Promise<void>;
  /** A wallet with a credited deposit whose block is final. Answers the address. */
  deposited(wallet: string, asset: string, units: bigint): Promise<string>;
  /** Looks once for what is due. Answers the groups that were opened. */
  collect(): Promise<string[]>;
  /** Signs, sends and follows a group until its block is final. */
  pay(id: string): Promise<Group>;
  /** Collects and pays until nothing is due; answers the ended groups. */
  collectAll(): Promise<Group[]>;
  /** Units on an address now. */
  coins(address: string, contract?: string | null): Promise<bigint>;
  /** The books are whole, and every coin on our addresses is in them. */
  expectWhole(): Promise<void>;
}

export async function createCollectWorld(options?: WorldOptions): Promise<CollectWorld> {
  const world = await createPayWorld(options);
  const { db, chain, node, port } = world;
  const collecting: CollectDeps = { db, chain, log, feeCap: null };
  // As a worker does when it begins: it writes down which wallet pays.
  await world.deps.signer();
  const collect = async () => {
    await world.follow();
    return collectOnce(collecting);
  };
  const pay = async (id: string) => {
    await world.sign(id);
    await world.send(id);
    await world.look(id);
    await node.mine(3);
    return world.look(id);
  };
  const contractOf = (asset: string) =>
    world.value<string>('select contract from assets where code = $1', asset);
  return {
    ...world,
    collecting,
    collect,
    pay,
    async rule(asset, { min, maxFee = '0.01', low, high }) {
      await db.query('delete from treasury_rules where asset = $1', [asset]);
      await db.query('insert into treasury_rules values ($1, $2, $3, $4, $5)', [
        asset,
        min,
        maxFee,
        low ?? null,
        high ?? null,
      ]);
    },
    async deposited(wallet, asset, units) {
      const address = await world.wallet(wallet, asset);
      if (asset === 'ETH') {
        await node.send({ to: address, wei: units });
      } else {
        if (asset === 'USDX') await world.giveStranger(units);
        await node.sendToken(await contractOf(asset), address, units);
      }
      await node.mine(3);
      await world.follow();
      const { rows } = await db.query<{ id: string }>(
        'select id::text as id from chain_inclusions where to_address = $1 and credited_at is null',
        [address],
      );
      for (const { id } of rows) {
        await openChainDeposit(db, id);
        expect(await creditChainDeposit(db, id)).toMatchObject({ groupStatus: 'SETTLED' });
      }
      return address;
    },
    async collectAll() {
      const ended: Group[] = [];
      for (;;) {
        const ids = await collect();
        if (ids.length === 0) return ended;
        for (const id of ids) ended.push(await pay(id));
      }
    },
    coins: async (address, contract = null) =>
      port.balanceOf(address, contract, await node.height()),
    async expectWhole() {
      expect(await audit(db)).toMatchObject({ ok: true, faults: [] });
      await expectNoDrift(world);
    },
  };
}

/** Of any asset, at a block that is final. */
async function expectNoDrift({ db, node, port, follow }: PayWorld): Promise<void> {
  await node.mine(3);
  await follow();
  const drifts = (await reconcileChain(db, port)).map(({ drift }) => drift);
  expect(drifts).toEqual(drifts.map(() => '0'));
}

/** The group as it stands. */
export async function groupOf(world: CollectWorld, id: string): Promise<Group> {
  const group = await readGroup(world.db, id);
  if (!group) throw new Error(`no group ${id}`);
  return group;
}

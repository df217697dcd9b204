/** The equation of the books and the chain: each of its terms, while it is not zero. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ChainPort } from '../../src/chains/port.ts';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { reverseCredit } from '../../src/chains/reverseCredit.ts';
import type { ChainReconciliation } from '../../src/contracts/chain.ts';
import { createReorgWorld, ETH, type ReorgWorld } from './reorgWorld.ts';

let world: ReorgWorld;

beforeAll(async () => {
  world = await createReorgWorld();
  await world.node.mine(3);
  await world.follow();
});

const all = (port: ChainPort = world.port) => reconcileChain(world.db, port);

/** The line of an asset; the books and the chain agree to the last unit, whatever is under way. */
async function line(asset: string, port?: ChainPort): Promise<ChainReconciliation> {
  const lines = await all(port);
  expect(lines.map(({ drift, missing, surplus }) => [drift, missing, surplus])).toEqual([
    ['0', '0', '0'],
    ['0', '0', '0'],
  ]);
  const found = lines.find((each) => each.asset === asset);
  if (!found) throw new Error(`no line of ${asset}`);
  return found;
}

/** The chain's final block is far behind its head, as on a main net; then it is not any more. */
async function final(asset: string, rule: string): Promise<void> {
  await world.database.owner.query('update assets set final = $2 where code = $1', [asset, rule]);
}

const NOTHING = {
  depositsNotBooked: '0',
  depositsAhead: '0',
  paymentsNotSettled: '0',
  paymentsAhead: '0',
  feesNotBooked: '0',
  feesAhead: '0',
};

describe('the books and the chain agree', () => {
  it('while nothing is under way: only what is outside counts', async () => {
    const { terms, expected, onChain, block, blockHash } = await line('ETH');
    expect(terms).toEqual({ ...NOTHING, external: expected });
    expect([expected, onChain]).toEqual(['10000', '10000']);
    expect((await world.port.blockByHeight(block))?.hash).toBe(blockHash);
  });

  it('while a deposit is final and not credited', async () => {
    const address = await world.wallet('waits', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: 3n * ETH });
    await world.node.mine(3);
    await world.follow();
    const before = await line('ETH');
    expect(before.terms).toMatchObject({ ...NOTHING, depositsNotBooked: '3' });
    expect(before.onChain).toBe('10003');
    await world.book(txid);
    expect((await line('ETH')).terms).toEqual({ ...NOTHING, external: '10003' });
  });

  it('while a deposit is credited and its block is not final', async () => {
    await world.credited(5n);
    const now = await line('ETH');
    expect(now.terms).toMatchObject({ ...NOTHING, external: '10008', depositsAhead: '-5' });
    expect(now.onChain).toBe('10003');
    await world.node.mine(3);
    await world.follow();
    expect((await line('ETH')).terms.depositsAhead).toBe('0');
  });

  it('while a credit rests on another block than the one that it was made by', async () => {
    const { txid, raw } = await world.credited(2n);
    await world.node.reorg(2, [{ raw, at: 0 }]);
    await world.follow();
    expect((await line('ETH')).terms.depositsAhead).toBe('-2');
    await world.book(txid);
    await world.node.mine(3);
    await world.follow();
    expect(await world.creditsOf(txid)).toBe(1);
    expect((await line('ETH')).terms).toEqual({ ...NOTHING, external: '10010' });
  });

  it('while a payment and its fee are final and not settled', async () => {
    const { id } = await world.withdraw('ETH', '1');
    await world.sign(id);
    await world.send(id);
    await world.node.mine(3);
    await world.follow();
    const { terms } = await line('ETH');
    expect(terms).toMatchObject({ paymentsNotSettled: '-1', paymentsAhead: '0', feesAhead: '0' });
    expect(terms.feesNotBooked).toMatch(/^-0\.0000\d+$/);
    expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
    const { external, ...rest } = (await line('ETH')).terms;
    expect(rest).toEqual(NOTHING);
    expect(external).toMatch(/^10008\.99\d+$/);
  });

  it('while a payment and its fee are settled and their block is not final', async () => {
    await final('ETH', '1');
    const { id } = await world.withdraw('ETH', '1');
    await world.sign(id);
    await world.send(id);
    expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
    const { terms } = await line('ETH');
    expect(terms).toMatchObject({ paymentsNotSettled: '0', paymentsAhead: '1' });
    expect([terms.feesNotBooked, terms.feesAhead]).toEqual([
      '0',
      expect.stringMatching(/^0\.0000\d+$/),
    ]);
    await final('ETH', '"finalized"');
    await world.expectReconciled();
  });

  it('of a token while its payment waits: the coins are the token’s, the gas is not', async () => {
    const { id } = await world.withdraw('USDX', '4');
    await world.sign(id);
    await world.send(id);
    await world.node.mine(3);
    await world.follow();
    expect((await line('USDX')).terms).toMatchObject({
      ...NOTHING,
      paymentsNotSettled: '-4',
    });
    const { terms } = await line('ETH');
    expect([terms.paymentsNotSettled, terms.feesNotBooked]).toEqual([
      '0',
      expect.stringMatching(/^-0\.0000\d+$/),
    ]);
    await world.look(id);
    await world.expectReconciled();
  });

  it('when a spent credit was taken back: what is owed is a shortfall and no drift', async () => {
    const friend = await world.open();
    const { wallet, address, inclusion } = await world.credited(6n);
    await world.move(wallet, friend, '4');
    await world.drop();
    await reverseCredit(world.db, inclusion);
    await world.expectReconciled();
    expect((await line('ETH')).shortfall).toEqual({ total: '4', owed: '4', lost: '0' });

    // Coins that come without a name and are said to be the wallet's pay what it owes first.
    const assign = async (ether: bigint): Promise<{ outcome: string }> => {
      await world.database.owner.query("update assets set min_deposit = 50 where code = 'ETH'");
      const { txid } = await world.node.send({ to: address, wei: ether * ETH });
      await world.node.mine(3);
      await world.book(txid);
      await world.database.owner.query('update assets set min_deposit = null');
      const { groupId } = await world.lastInclusion(txid);
      return world.value(
        "select chain_assign_unattributed($1, 'a', 'ops', true, '{}', $2, 't', $3, 'x')",
        `transfer:t:${txid}`,
        groupId,
        wallet,
      );
    };
    expect(await assign(1n)).toMatchObject({ outcome: 'done' });
    expect([await world.owed(wallet), await world.shortfall()]).toEqual(['3', -3]);
    expect(await world.balance(wallet)).toMatchObject({ settled: '0' });
    expect(await assign(5n)).toMatchObject({ outcome: 'done' });
    expect([await world.owed(wallet), await world.shortfall()]).toEqual(['0', 0]);
    expect(await world.balance(wallet)).toMatchObject({ settled: '2' });
    await world.expectWhole();
  });
});

it('starts over where the block goes away while it is looked at', async () => {
  await world.node.mine(2);
  await world.follow();
  // As of a node that tells of no finality: the block that is looked at is the newest one.
  const forget = 'update chains set finalized_height = null, safe_height = null';
  await world.database.owner.query(forget);
  const gone = await world.value<string>('select cursor_hash from chains');
  let turns = 0;
  const turning: ChainPort = {
    ...world.port,
    async balancesOf(...asked) {
      if (turns++ === 0) {
        await world.node.reorg(1);
        await world.follow();
      }
      return world.port.balancesOf(...asked);
    },
  };
  const { blockHash } = await line('ETH', turning);
  expect(turns).toBeGreaterThan(1);
  expect(blockHash).not.toBe(gone);

  await world.database.owner.query(forget);
  await world.node.rollback(1);
  await expect(all()).rejects.toThrow(/another block \d+ than the one that was followed/);
  await world.node.mine(3);
  await world.follow();
  await line('ETH');
});

/** From deposit addresses to the hot wallet, step by step on a real node. */
import { mnemonicToAccount } from 'viem/accounts';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { rescanTransaction } from '../../src/chains/rescan.ts';
import { createHighWaterAlert, observeTreasury } from '../../src/collection/treasuryFigures.ts';
import { audit } from '../../src/ledger/audit.ts';
import { listGroups } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import type { Log } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { explainSpending } from '../../src/withdrawals/explain.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH, USDX } from './collectWorld.ts';
import { MNEMONIC } from './node.ts';

let world: CollectWorld;

beforeAll(async () => {
  world = await createCollectWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
  await world.db.query('delete from treasury_rules');
});

describe('native coins', () => {
  it('go to the hot wallet and change no balance; the gas is booked', async () => {
    const address = await world.deposited('native', 'ETH', ETH);
    await world.rule('ETH', { min: '0.5' });
    const before = await world.coins(HOT);
    const treasury = await world.balance('treasury:ETH');
    const [id = ''] = await world.collect();
    expect(id).toBe(`collection:chain:${world.port.chain}:${address}:ETH:1`);
    // Nothing else is opened while it runs.
    expect(await world.collect()).toEqual([]);
    const group = await world.pay(id);
    expect(group).toMatchObject({ kind: 'collection', status: 'SETTLED' });
    expect(group.legs.map(({ wallet, type }) => [wallet, type])).toEqual([
      ['network-fees:ETH', 'DEBIT'],
      ['external:ETH', 'CREDIT'],
    ]);
    expect(group.withdrawal).toMatchObject({ state: 'settled', attempts: [{ nonce: 0 }] });
    expect(await world.balance('native')).toMatchObject({ available: '1', held: '0' });
    expect(await world.balance('treasury:ETH')).toMatchObject({ settled: treasury.settled });
    expect((await world.coins(HOT)) - before).toBeGreaterThan((99n * ETH) / 100n);
    expect((await readTimeline(world.db, id)).map(({ event }) => event)).toEqual([
      'collect',
      'withdrawal.signing',
      'withdrawal.signed',
      'withdrawal.broadcast',
      'fee',
      'withdrawal.in_block',
      'confirmed',
      'settle',
    ]);
    await world.expectWhole();
    // What is left is less than the minimum.
    expect(await world.collect()).toEqual([]);
  });

  it('come to what the hot wallet may pay out, and a withdrawal takes them', async () => {
    await world.deposited('spent', 'ETH', 3n * ETH);
    const booked = 'select chain_booked_at($1, $2, $3)';
    const before = await world.value<string>(booked, world.port.chain, HOT, 'ETH');
    await world.rule('ETH', { min: '0.5' });
    await world.collectAll();
    const after = await world.value<string>(booked, world.port.chain, HOT, 'ETH');
    expect(Number(after) - Number(before)).toBeGreaterThan(2.9);
    expect(
      await world.value(
        'select sum(chain_lies_at($1, address, $2)) < 0.1 from deposit_addresses',
        world.port.chain,
        'ETH',
      ),
    ).toBe(true);
    await world.expectWhole();
  });
});

describe('a payment that is booked or taken back after its collection ended', () => {
  it('counts with what lies on deposit addresses all together', async () => {
    await world.deposited('counted', 'ETH', 2n * ETH);
    await world.rule('ETH', { min: '0.5' });
    await world.collectAll();
    const booked = () =>
      world.value<string>('select chain_booked_at($1, $2, $3)', world.port.chain, HOT, 'ETH');
    const before = await booked();
    const { rows } = await world.database.owner.query(
      `update attempt_inclusions set fee_leg = null
        where id = (select max(id) from attempt_inclusions) returning id`,
    );
    expect(Number(before) - Number(await booked())).toBeGreaterThan(1.9);
    expect(await audit(world.db)).toMatchObject({ ok: true });
    const back = 'update attempt_inclusions set fee_leg = 1 where id = $1';
    await world.database.owner.query(back, [rows[0]?.id]);
    expect(await booked()).toBe(before);
    await world.expectWhole();
  });
});

describe('tokens', () => {
  it('wait for gas that the hot wallet sends first, and that is no deposit', async () => {
    const address = await world.deposited('token', 'USDX', 50n * USDX);
    await world.rule('USDX', { min: '10' });
    const [topUp = ''] = await world.collect();
    expect(topUp).toBe(`collection:top-up:${world.port.chain}:${address}:ETH:1`);
    expect(await world.pay(topUp)).toMatchObject({ status: 'SETTLED', kind: 'collection' });
    const seen =
      'select count(*)::integer from chain_inclusions where to_address = $1 and asset = $2';
    expect(await world.value(seen, address, 'ETH')).toBe(0);
    expect(await world.coins(address)).toBeGreaterThan(0n);
    const before = await world.coins(HOT, world.usdx);
    const [id = ''] = await world.collect();
    expect(id).toBe(`collection:chain:${world.port.chain}:${address}:USDX:1`);
    expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
    expect((await world.coins(HOT, world.usdx)) - before).toBe(50n * USDX);
    expect(await world.balance('token')).toMatchObject({ available: '50' });
    await world.expectWhole();
  });
});

describe('operators', () => {
  it('find collections in the list of groups, with where from and where to', async () => {
    const { data } = await listGroups(
      world.db,
      { kind: 'collection' },
      { limit: 50, cursor: null },
    );
    expect(data.length).toBeGreaterThan(2);
    const found = data.find(({ metadata }) => metadata.purpose === 'top_up');
    expect(found?.metadata).toMatchObject({ asset: 'ETH', from: expect.stringMatching(/^0x/) });
    expect(found?.withdrawal).toMatchObject({ state: 'settled' });
  });

  it('see what lies where, and hear once that the hot wallet has too much', async () => {
    const { registry } = createMetrics();
    observeTreasury(registry, world.db);
    await world.deposited('seen', 'ETH', 2n * ETH);
    await world.rule('ETH', { min: '10', low: '1', high: '20000' });
    const alerts: object[] = [];
    const log = { error: (fields: object) => alerts.push(fields) } as unknown as Log;
    const tell = createHighWaterAlert(world.db, log);
    await tell();
    const read = async (name: string) =>
      Number((await registry.getSingleMetricAsString(name)).trim().split(' ').at(-1));
    expect(await read('holdfast_treasury_on_deposit_addresses')).toBeGreaterThan(2);
    expect(await read('holdfast_treasury_on_deposit_addresses')).toBeLessThan(2.1);
    expect(await read('holdfast_treasury_hot')).toBeGreaterThan(9_000);
    expect(await read('holdfast_treasury_above_high_water')).toBe(0);
    expect(alerts).toEqual([]);
    await world.rule('ETH', { min: '10', high: '20' });
    await tell();
    await tell();
    expect(alerts).toMatchObject([{ alert: 'HOT_WALLET_HIGH', asset: 'ETH', high: '20' }]);
    expect(await read('holdfast_treasury_above_high_water')).toBe(1);
  });
});

describe('what the hot wallet sent to a deposit address without these books', () => {
  const seen = 'select count(*)::integer from chain_inclusions where txid = $1';
  const explain = async (said: { groupIds?: string[]; note?: string; isOwn?: boolean }) => {
    const next = 'select chain_next_nonce($1, $2)::integer';
    const nonce = await world.value<number>(next, world.port.chain, HOT);
    const deps = { db: world.db, chain: world.chain };
    await explainSpending(deps, { nonce, groupIds: [], note: '', ...said });
  };

  /** One coin, moved by hand, in a final block. */
  async function moved(wallet: string) {
    const address = await world.wallet(wallet, 'ETH');
    const key = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
    const terms = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '1' };
    const sent = { sender: HOT, destination: address, contract: null, units: ETH };
    const draft = world.port.draft(sent, terms, await world.port.nextSequence(HOT));
    const txid = await world.node.resend(await key.signTransaction(parseDraft(draft)));
    await world.node.mine(3);
    await world.follow();
    expect(await world.value(seen, txid)).toBe(0);
    return { address, txid };
  }

  it('is a deposit once it is explained to be a withdrawal', async () => {
    const { address, txid } = await moved('unknown');
    // One payment and one deposit.
    const { id } = await world.withdraw('ETH', '1', { destination: address });
    await explain({ groupIds: [id] });
    expect(await world.value(seen, txid)).toBe(1);
    expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  });

  it('is a deposit once a note explains it, but for coins that are said to be ours', async () => {
    const given = await moved('given');
    await explain({ note: 'a gift to a customer' });
    expect(await world.value(seen, given.txid)).toBe(1);
    const gas = await moved('gas');
    await explain({ note: 'gas for a collection', isOwn: true });
    await rescanTransaction(world.db, world.port, gas.txid);
    expect(await world.value(seen, gas.txid)).toBe(0);
  });
});

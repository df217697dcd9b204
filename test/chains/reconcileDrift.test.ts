/** Coins that are not where the books say: found, named, and nothing more is paid. */
import { Writable } from 'node:stream';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { showAddress } from '../../src/chains/evm/addresses.ts';
import type { ChainPort } from '../../src/chains/port.ts';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { observeReconciliations } from '../../src/chains/reconcileMetrics.ts';
import { runReconciliation, setTolerance } from '../../src/chains/reconcileRun.ts';
import { addAmounts } from '../../src/contracts/amounts.ts';
import { readAsset } from '../../src/ledger/assets.ts';
import { createLog } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { HOT, XPUB } from './chainWorld.ts';
import { STRANGER } from './node.ts';
import { createReorgWorld, ETH, type ReorgWorld } from './reorgWorld.ts';

const HOT_ADDRESS = HOT.toLowerCase();
const USDX = 10n ** 6n;

let world: ReorgWorld;
const lines: string[] = [];
const log = createLog(
  'info',
  new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  }),
);

beforeAll(async () => {
  world = await createReorgWorld();
});

const run = () => runReconciliation({ db: world.db, chain: world.chain, log }, 'a test');
const isPaused = async (asset: string) => (await readAsset(world.db, asset))?.withdrawalsPaused;
const alerts = () =>
  world.value<number>(
    `select count(*)::integer from outbox where event = 'alert.reconciliation_drift'`,
  );

/** What is off about an asset, after everything has become final. */
async function found(asset: string) {
  await world.node.mine(3);
  await world.follow();
  const { missing, surplus, places } =
    (await reconcileChain(world.db, world.port)).find((line) => line.asset === asset) ?? {};
  return { missing, surplus, places };
}

/** Sets what an address has: coins that come and go without a transaction. */
async function change(address: string, byWei: bigint): Promise<void> {
  const now = BigInt(await world.node.rpc<string>('eth_getBalance', address, 'latest'));
  await world.node.rpc('anvil_setBalance', address, `0x${(now + byWei).toString(16)}`);
}

/** Sends as somebody with the address's key would. */
async function spendFrom(address: string, wei: bigint): Promise<void> {
  await world.node.rpc('anvil_impersonateAccount', address);
  const call = { from: address, to: STRANGER.address, value: `0x${wei.toString(16)}` };
  await world.node.rpc('eth_sendTransaction', { ...call, gas: '0x5208', gasPrice: '0x77359400' });
  await world.node.mined();
  await world.node.rpc('anvil_stopImpersonatingAccount', address);
}

describe('a reconciliation tells', () => {
  it('coins that nobody booked, by the address that has them', async () => {
    const address = await world.wallet('surplus', 'ETH');
    await change(address, 2n * ETH);
    await world.node.send({ to: HOT_ADDRESS, wei: ETH });
    const cause = 'unbooked_coins';
    expect(await found('ETH')).toEqual({
      missing: '0',
      surplus: '3',
      places: [
        { address, kind: 'deposit', drift: '2', cause },
        { address: HOT_ADDRESS, kind: 'hot', drift: '1', cause },
      ],
    });
    await change(address, -2n * ETH);
    await change(HOT_ADDRESS, -ETH);
  });

  it('coins that are missing, which coins too many elsewhere do not make up for', async () => {
    const address = await world.wallet('extra', 'ETH');
    await change(address, ETH);
    await change(HOT_ADDRESS, -ETH);
    expect(await found('ETH')).toMatchObject({
      missing: '1',
      surplus: '1',
      places: [{ cause: 'unbooked_coins' }, { address: HOT_ADDRESS, cause: 'missing_coins' }],
    });
    await change(address, -ETH);
    await change(HOT_ADDRESS, ETH);
  });

  it('that somebody else has the key of an address', async () => {
    const { address } = await world.credited(4n);
    await spendFrom(address, ETH);
    const { missing, places } = await found('ETH');
    const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
    const [line] = await door.reconciliation();
    expect(line?.places).toMatchObject([{ address: showAddress(address) }]);
    expect(missing).toMatch(/^1\.0000\d+$/);
    expect(places).toMatchObject([{ address, kind: 'deposit', cause: 'foreign_spend' }]);
    await world.node.rpc('anvil_setBalance', address, `0x${(4n * ETH).toString(16)}`);
  });

  it('a token whose events say more than arrived', async () => {
    const address = await world.wallet('believes', 'USDX');
    await world.giveStranger(10n * USDX);
    await world.node.sendToken(world.usdx, address, 10n * USDX);
    const units = `0x${(7n * USDX).toString(16)}`;
    await world.node.rpc('anvil_dealERC20', address, world.usdx, units);
    expect(await found('USDX')).toEqual({
      missing: '3',
      surplus: '0',
      places: [{ address, kind: 'deposit', drift: '-3', cause: 'token_lies' }],
    });
    await world.node.rpc('anvil_dealERC20', address, world.usdx, `0x${(10n * USDX).toString(16)}`);
  });

  it('nothing where it does not know: coins of the books that no address can have', async () => {
    const { rows } = await world.database.owner.query('delete from hot_addresses returning *');
    const { places } = await found('USDX');
    expect(places).toMatchObject([{ address: null, kind: 'hot', cause: 'unknown' }]);
    // Nobody can pay before it is known, and then all agrees: no reason to pause.
    expect(await run()).toMatchObject({ above: [] });
    const { chain, address } = rows[0];
    const back = 'insert into hot_addresses (chain, address) values ($1, $2)';
    await world.database.owner.query(back, [chain, address]);
    expect(await found('USDX')).toEqual({ missing: '0', surplus: '0', places: [] });
  });
});

describe('above the tolerance', () => {
  afterEach(async () => {
    await world.database.owner.query('update assets set withdrawals_paused = false');
  });

  it('withdrawals pause, once and with who and why; nothing lifts the pause', async () => {
    await change(HOT_ADDRESS, -ETH);
    await world.node.mine(3);
    await world.follow();
    expect(await run()).toMatchObject({ above: ['ETH'], paused: ['ETH'] });
    expect([await isPaused('ETH'), await isPaused('USDX'), await alerts()]).toEqual([
      true,
      false,
      1,
    ]);
    expect(lines.map((each) => JSON.parse(each))).toContainEqual(
      expect.objectContaining({ alert: 'RECONCILIATION_DRIFT', asset: 'ETH', missing: '1' }),
    );
    // Again: it is known, and stays known.
    expect(await run()).toMatchObject({ above: ['ETH'], paused: [] });
    expect(await alerts()).toBe(1);
    const [{ pause } = { pause: null }] = await reconcileChain(world.db, world.port);
    expect(pause).toMatchObject({ by: 'a test', reason: expect.stringMatching(/1 missing/) });

    const metrics = createMetrics();
    observeReconciliations(metrics.registry, world.db);
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/holdfast_reconciliation_missing\{asset="ETH"\} 1\n/);
    expect(text).toMatch(/holdfast_reconciliation_missing\{asset="USDX"\} 0\n/);
    expect(text).toMatch(/holdfast_withdrawals_paused\{asset="ETH"\} 1\n/);
    expect(text).toMatch(/holdfast_reconciliation_age_seconds\{chain="eip155:31337"\} \d/);

    await change(HOT_ADDRESS, ETH);
    await world.node.mine(3);
    await world.follow();
    expect(await run()).toMatchObject({ above: [] });
    expect(await isPaused('ETH')).toBe(true);
  });

  it('is what is missing, also where as much is too much elsewhere', async () => {
    const address = await world.wallet('hides', 'ETH');
    await change(address, ETH);
    await change(HOT_ADDRESS, -ETH);
    await world.node.mine(3);
    await world.follow();
    expect(await run()).toMatchObject({ above: ['ETH'], lines: [{ drift: '0' }, {}] });
    await change(address, -ETH);
    await change(HOT_ADDRESS, ETH);
  });

  it('a payment that was to be signed waits', async () => {
    const { id } = await world.withdraw('ETH', '1');
    await change(HOT_ADDRESS, -ETH);
    await world.node.mine(3);
    await world.follow();
    await run();
    expect(await world.sign(id)).toMatchObject({ withdrawal: { state: 'awaiting_funds' } });
    await change(HOT_ADDRESS, ETH);
  });

  it('is what was said of the asset; coins too many pause only where that was said', async () => {
    await world.node.send({ to: HOT_ADDRESS, wei: ETH / 2n });
    await world.node.mine(3);
    await world.follow();
    expect(await run()).toMatchObject({ above: [] });
    await setTolerance(world.db, 'ETH', { missing: '0', surplus: '0.4' }, 'a test');
    expect(await run()).toMatchObject({ above: ['ETH'], paused: ['ETH'] });
    await setTolerance(world.db, 'ETH', { missing: '1', surplus: '0.5' }, 'a test');
    await change(HOT_ADDRESS, -(ETH * 3n) / 2n);
    await world.node.mine(3);
    await world.follow();
    expect(await run()).toMatchObject({ above: [] });
    await change(HOT_ADDRESS, -1n);
    await world.node.mine(3);
    await world.follow();
    expect(await run()).toMatchObject({ above: ['ETH'] });
    expect(await setTolerance(world.db, 'NONE', { missing: '0', surplus: null }, 'x')).toBe(false);
  });
});

it('tells that somebody else has the key of the hot wallet', async () => {
  await spendFrom(HOT_ADDRESS, ETH);
  const { places } = await found('ETH');
  expect(places).toMatchObject([{ address: HOT_ADDRESS, kind: 'hot', cause: 'foreign_spend' }]);
  // As of an address that had sent this before Holdfast first paid from it: that is nobody's theft.
  await world.database.owner.query(
    'insert into nonce_slots (chain, sender, nonce, note) values ($1, $2, $3, $4)',
    [world.port.chain, HOT_ADDRESS, (await world.port.nextSequence(HOT_ADDRESS)) - 1, 'before'],
  );
  expect((await found('ETH')).places).toMatchObject([{ cause: 'missing_coins' }]);
});

describe('with many addresses', () => {
  it('it reads some hundreds at a time, and says after each part that it goes on', async () => {
    await world.database.owner.query(
      `insert into deposit_addresses (family, address, owner, wallet_id, further, path)
       select 'eip155', '0xaa' || lpad(to_hex(n), 38, '0'), 'many', 'surplus', n, 'm/' || n
       from generate_series(1, 1000) n`,
    );
    const parts: number[] = [];
    const counting: ChainPort = {
      ...world.port,
      async balancesOf(addresses, ...asked) {
        parts.push(addresses.length);
        return world.port.balancesOf(addresses, ...asked);
      },
    };
    let signs = 0;
    const [line] = await reconcileChain(world.db, counting, () => {
      signs += 1;
    });
    expect(line?.places).toHaveLength(1);
    const ofAnAsset = parts.slice(0, parts.length / 2);
    expect(ofAnAsset.slice(0, 2)).toEqual([500, 500]);
    expect(ofAnAsset).toHaveLength(3);
    expect(signs).toBe(parts.length);
  });

  it('it asks why coins are missing of those alone that it shows', async () => {
    const count = 120;
    const addresses = Array.from({ length: count }, (_, n) => `0xbb${String(n).padStart(38, '0')}`);
    await world.database.owner.query(
      `insert into deposit_addresses (family, address, owner, wallet_id, further, path)
       select 'eip155', a, 'emptied', 'surplus', 10000 + n, 'm/e' || n
       from unnest($1::text[]) with ordinality t(a, n)`,
      [addresses],
    );
    for (const [n, address] of addresses.entries()) {
      await world.node.send({ to: address, wei: BigInt(n + 1) * ETH });
    }
    await world.node.mine(3);
    await world.follow();
    const before = (await reconcileChain(world.db, world.port))[0];
    for (const address of addresses) await world.node.rpc('anvil_setBalance', address, '0x0');
    await world.node.mine(3);
    await world.follow();
    let asked = 0;
    const counting: ChainPort = {
      ...world.port,
      nextSequence(...of) {
        asked += 1;
        return world.port.nextSequence(...of);
      },
    };
    const [line] = await reconcileChain(world.db, counting);
    const sum = (count * (count + 1)) / 2;
    expect(line?.missing).toBe(addAmounts(before?.missing ?? '0', String(sum)));
    expect(line?.places).toHaveLength(100);
    expect(line?.places[0]?.cause).toBe('missing_coins');
    expect(line?.placesLeftOut).toBe(count + (before?.places.length ?? 0) - 100);
    expect(asked).toBeLessThanOrEqual(100);
  });
});

/** Calls that meet a chain, on a real node with a watcher. */
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFunctionData, getAddress, parseAbi, toHex } from 'viem';
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainActivities } from '../../activities/chainActivities.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy, deployUsdx } from '../../src/dev/chain/token.ts';
import { depositXpub } from '../../src/withdrawals/developmentKeys.ts';
import { connectMnemonicSigner } from '../../src/withdrawals/hotWallet.ts';
import { type ChainWorld, createChainWorld, log } from '../chains/chainWorld.ts';
import { MNEMONIC, STRANGER } from '../chains/node.ts';
import { balanceOf, credit, debit, faultOf, pathOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';
import { startTestWatcher } from './testWatcher.ts';

const ETH = 10n ** 18n;
/** Somebody outside, in all three spellings. */
const OUTSIDE = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
const UNSEEN = `0x${'12'.repeat(32)}`;
const PATIENCE = { timeout: 15_000 };

let world: ChainWorld;
let api: TestApi;
let shop: TestClient;
let bank: TestClient;

beforeAll(async () => {
  world = await createChainWorld();
  const { db, chain } = world;
  const signer = connectMnemonicSigner(db, chain, MNEMONIC);
  api = await createTestApi({
    database: world.database,
    sagas: true,
    chain: {
      door: createChainDoor({ db, chain, xpub: depositXpub(MNEMONIC) }),
      activities: createChainActivities({
        db,
        chain,
        signer,
        log,
        stuckAfterSeconds: 600,
        bumpAfterSeconds: null,
        feeCap: null,
        inFlight: 100,
      }),
    },
  });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
  await startTestWatcher(api, { db, chain, log });
  expect((await api.anonymous.get('/health/ready')).status).toBe(200);
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
});

async function openWallet(id: string, asset: string, owner = id): Promise<void> {
  expect((await shop.post('/v1/wallets', { id, owner, asset })).status).toBe(201);
}

/** Pays one USDX to each of two addresses in one transaction. */
async function payBoth(addresses: string[]): Promise<string> {
  const source = new URL('../chains/contracts/Splitter.sol', import.meta.url);
  const { bytecode } = compileContract(source, 'Splitter');
  const splitter = await deploy(world.rpcUrl, STRANGER, bytecode);
  await world.node.rpc('anvil_dealERC20', splitter, world.usdx, toHex(2_000_000n));
  const abi = parseAbi(['function split(address token, address one, address two, uint256 value)']);
  const [one, two] = addresses as [`0x${string}`, `0x${string}`];
  const args = [world.usdx as `0x${string}`, one, two, 1_000_000n] as const;
  const data = encodeFunctionData({ abi, functionName: 'split', args });
  return (await world.node.send({ to: splitter, data })).txid;
}

describe('POST /v1/deposits on a chain', () => {
  test('is 202 while the transaction is unseen, and stores nothing', async () => {
    await openWallet('unseen', 'ETH');
    for (const txid of [UNSEEN, UNSEEN.replace('1', '9')]) {
      const body = { wallet: 'unseen', txid, amount: '5' };
      const began = performance.now();
      const answer = await bank.post('/v1/deposits', body, { key: 'unseen', prefer: 'wait=20' });
      expect(performance.now() - began, 'nobody knows whether it comes').toBeLessThan(15_000);
      expect([answer.status, answer.body]).toEqual([202, { data: [], nextCursor: null }]);
      expect(answer.headers.get('location')).toBe('/v1/transfers?kind=deposit&wallet=unseen');
      const { body: list } = await bank.get(answer.headers.get('location') ?? '');
      expect(list.data).toEqual([]);
    }
  });

  test('answers a page where one transaction has several', async () => {
    const recipients = [];
    for (const id of ['two-1', 'two-2']) {
      await openWallet(id, 'USDX');
      recipients.push((await shop.post('/v1/deposit-addresses', { wallet: id })).body.address);
    }
    const body = { wallet: 'two-1', txid: await payBoth(recipients) };
    const { body: page } = await bank.post('/v1/deposits', body, { prefer: 'wait=15' });
    expect(page.data).toHaveLength(2);
  });

  test('waits for the group of a transaction that is in no block yet', async () => {
    await openWallet('awaited', 'ETH');
    const { body: given } = await shop.post('/v1/deposit-addresses', { wallet: 'awaited' });
    await world.node.automine(false);
    const { txid } = await world.node.send({ to: given.address, wei: ETH / 4n });
    const answer = bank.post('/v1/deposits', { wallet: 'awaited', txid }, { prefer: 'wait=15' });
    await sleep(300);
    await world.node.automine(true);
    await world.node.mine();
    expect(await answer).toMatchObject({ status: 200, body: { status: 'IN_PROGRESS' } });
  });

  test('answers the watcher’s group, and nothing is booked from the body', async () => {
    await openWallet('seen', 'ETH');
    const { body: given } = await shop.post('/v1/deposit-addresses', { wallet: 'seen' });
    const { txid } = await world.node.send({ to: given.address, wei: ETH / 2n });
    const body = { wallet: 'seen', txid, amount: '77' };
    const statusOf = async () => (await bank.post('/v1/deposits', body)).status;
    await expect.poll(statusOf, PATIENCE).toBe(200);
    const { body: group } = await bank.post('/v1/deposits', body);
    expect(group).toMatchObject({ kind: 'deposit', status: 'IN_PROGRESS' });
    expect(group.id).toMatch(new RegExp(`^deposit:chain:eip155:31337:${txid}:`));
    expect(await balanceOf(api, 'seen')).toEqual(['0', '0.5', '0']);
    for (const act of ['confirm', 'cancel']) {
      const path = `/v1/deposits/${encodeURIComponent(group.id)}/${act}`;
      const answer = await bank.post(path, act === 'cancel' ? { reason: 'r' } : {});
      expect(faultOf(answer)).toEqual([409, 'CHAIN_DECIDES']);
    }
    await world.node.mine(2);
    await expect.poll(() => balanceOf(api, 'seen'), PATIENCE).toEqual(['0.5', '0', '0']);
    expect((await bank.post('/v1/deposits', body)).body.status).toBe('SETTLED');
    const reversed = await bank.post(pathOf(group.id, '/reverse'), { reason: 'r' });
    expect(faultOf(reversed)).toEqual([409, 'CHAIN_DECIDES']);
  });

  test('needs a txid that can be one', async () => {
    for (const txid of [undefined, null, 'wire-1', '0x12', UNSEEN.slice(2)]) {
      const answer = await bank.post('/v1/deposits', { wallet: 'seen', amount: '1', txid });
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/txid']);
    }
  });
});

describe('POST /v1/withdrawals on a chain', () => {
  const withdraw = (body: object, key?: string) =>
    shop.post('/v1/withdrawals', { wallet: 'out', amount: '0.1', ...body }, key ? { key } : {});

  test('refuses what is no address, or one with a wrong letter', async () => {
    await openWallet('out', 'ETH');
    const legs = [debit('treasury:ETH', '1'), credit('out', '1')];
    expect((await api.admin.post('/v1/transfers', { legs })).status).toBe(201);
    for (const destination of ['iban', '0x12', OUTSIDE.replace('5aA', '5aa')]) {
      expect(faultOf(await withdraw({ destination }))).toEqual([
        400,
        'INVALID_DESTINATION',
        '/destination',
      ]);
    }
  });

  test('is sent, confirmed and settled; an address in another spelling is the same', async () => {
    const held = await withdraw({ destination: OUTSIDE.toLowerCase() }, 'w');
    expect([held.status, held.body.withdrawal.destination]).toEqual([201, OUTSIDE]);
    const again = await withdraw({ destination: OUTSIDE }, 'w');
    expect([again.status, again.body]).toEqual([201, held.body]);
    const state = async () => (await shop.get(pathOf(held))).body.withdrawal;
    await expect.poll(async () => (await state()).attempts.length, PATIENCE).toBe(1);
    for (const name of ['release', 'cancel', 'settle']) {
      const answer = await shop.post(
        pathOf(held, `/${name}`),
        name === 'settle' ? {} : { reason: 'r' },
      );
      expect(faultOf(answer)).toEqual([409, 'MAY_BE_ON_CHAIN']);
    }
    const released = await bank.post('/v1/withdrawals/withdrawal%3Ashop%3Aw/release', {
      reason: 'r',
    });
    expect(faultOf(released)).toEqual([409, 'MAY_BE_ON_CHAIN']);
    const approved = await bank.post('/v1/withdrawals/withdrawal%3Ashop%3Aw/approve', {
      reason: 'r',
    });
    expect(faultOf(approved)).toEqual([409, 'MAY_BE_ON_CHAIN']);
    await world.node.mine(5);
    await expect
      .poll(async () => (await shop.get(pathOf(held))).body.status, PATIENCE)
      .toBe('SETTLED');
    expect(await state()).toMatchObject({
      state: 'settled',
      attempts: [{ nonce: expect.any(Number) }],
    });
  });

  test('is the chain’s to end, also before anything is signed', async () => {
    await api.admin.put('/v1/approval-rules/all', { asset: 'ETH', approvals: 1 });
    const { body } = await withdraw({ destination: OUTSIDE });
    await api.admin.delete('/v1/approval-rules/all');
    const path = `/v1/withdrawals/${encodeURIComponent(body.id)}`;
    expect(faultOf(await bank.post(`${path}/finalize`, {}))).toEqual([409, 'CHAIN_DECIDES']);
    expect((await bank.post(`${path}/release`, { reason: 'r' })).body.status).toBe('RELEASED');
  });

  test('takes the customer’s fee in the native coin alone', async () => {
    await openWallet('amy:USDX', 'USDX', 'amy');
    const wallet = { wallet: 'amy:USDX', destination: OUTSIDE };
    // In the native coin it has to be said how much of it is held.
    const pointerOf = async (body: object) =>
      faultOf(await withdraw({ ...body, feeMode: 'customer' }))[2];
    expect(await pointerOf(wallet)).toBe('/feeMode');
    expect(await pointerOf({ destination: OUTSIDE })).toBe('/maxFee');
  });
});

describe('operations', () => {
  test('GET /v1/chains tells how far each is read', async () => {
    const { body } = await shop.get('/v1/chains');
    const heights = Object.fromEntries(
      ['height', 'cursor', 'lag'].map((name) => [name, expect.any(Number)]),
    );
    const none = { reorgs: 0, halts: [], senderPauses: [], rescans: [] };
    expect(body.data).toEqual([{ chain: 'eip155:31337', ...heights, ...none }]);
    for (const query of ['limit=0', 'limit=x', 'cursor=abc', 'chain=x']) {
      expect((await shop.get(`/v1/chains?${query}`)).status, query).toBe(400);
    }
  });

  test('GET /v1/reconciliation has a line per asset of the chain', async () => {
    const { body } = await shop.get('/v1/reconciliation');
    expect(body.balanced).toBe(true);
    expect(body.chain.map(({ asset }: { asset: string }) => asset)).toEqual(['ETH', 'USDX']);
  });
});

describe('POST /v1/chains/{chain}/rescan', () => {
  const path = () => `/v1/chains/${world.port.chain}/rescan`;
  const ask = (body: object, who = bank) => who.post(path(), body, { key: null });

  test('reads blocks again, which can be seen, and needs an operator', async () => {
    const asked = await ask({ from: 1 });
    expect(asked.status).toBe(202);
    expect(asked.headers.get('location')).toBe('/v1/chains');
    expect(asked.body).toMatchObject({ from: 1, requestedBy: 'bank', reason: 'asked for' });
    await expect
      .poll(async () => (await shop.get('/v1/chains')).body.data[0].rescans[0], PATIENCE)
      .toMatchObject({ id: asked.body.id, fault: null, finishedAt: expect.any(String) });
    expect((await ask({ from: 1 }, shop)).status).toBe(403);
  });

  test.each([
    [{}, '/from'],
    [{ from: -1 }, '/from'],
    [{ from: 2, to: 1 }, '/from'],
    [{ from: 99_999_999 }, '/from'],
    [{ from: 1, txid: UNSEEN }, '/from'],
    [{ txid: UNSEEN, to: 1 }, '/to'],
    [{ txid: UNSEEN }, '/txid'],
    [{ txid: '0x12' }, '/txid'],
    [{ from: 1, liftHalts: true }, '/reason'],
  ])('refuses %j by its field', async (body, pointer) => {
    const refused = await ask(body);
    expect(refused.status).toBe(400);
    expect(refused.body.errors.map((each: { pointer: string }) => each.pointer)).toContain(pointer);
  });

  test('is 404 for a chain of no asset, 503 for one that is not followed', async () => {
    const rescan = (chain: string) =>
      bank.post(`/v1/chains/${chain}/rescan`, { from: 1 }, { key: null });
    expect(faultOf(await rescan('eip155:1'))).toEqual([404, 'NOT_FOUND']);
    await api.admin.post('/v1/assets', { code: 'AFAR', scale: 18, chain: 'eip155:8453' });
    const afar = await rescan('eip155:8453');
    expect(faultOf(afar)).toEqual([503, 'CHAIN_UNAVAILABLE']);
    expect(afar.body.detail).toMatch(/follow eip155:8453 now: .* CHAIN_RPC_URL/);
  });
});

// The last one: what it registers stays.
test('an asset is refused that the chain counts in other decimals', async () => {
  const deployed = await deployUsdx(world.rpcUrl, MNEMONIC, STRANGER.address, 1n);
  const contract = getAddress(deployed);
  const asset = { code: 'USDY', scale: 18, chain: 'eip155:31337', contract };
  const refused = await api.admin.post('/v1/assets', asset);
  expect(refused).toMatchObject({ status: 400, body: { code: 'INVALID_REQUEST' } });
  expect(refused.body.errors).toEqual([
    { pointer: '/scale', detail: `The contract ${contract} counts in 6 decimals, not in 18.` },
  ]);
  const coin = { code: 'COIN', scale: 8, chain: 'eip155:31337' };
  expect((await api.admin.post('/v1/assets', coin)).body.errors[0].detail).toContain('native coin');
  expect((await api.admin.post('/v1/assets', { ...asset, scale: 6 })).status).toBe(201);
  const silent = { ...asset, code: 'SILENT', contract: OUTSIDE };
  expect((await api.admin.post('/v1/assets', silent)).status, 'it does not say').toBe(201);
  const elsewhere = { ...asset, code: 'ELSEWHERE', chain: 'eip155:5' };
  expect((await api.admin.post('/v1/assets', elsewhere)).status, 'nobody to ask').toBe(201);
});

/** Hooks on a real chain: they tell where to look, and the chain tells what is booked. */
import { randomUUID } from 'node:crypto';
import { keccak256, toHex } from 'viem';
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainActivities } from '../../activities/chainActivities.ts';
import { connectChain } from '../../src/chains/connection.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { dueHooks } from '../../src/hooks/inboxTables.ts';
import { readHooks, startHookReader } from '../../src/hooks/reader.ts';
import { connectMnemonicSigner } from '../../src/withdrawals/hotWallet.ts';
import { type ChainWorld, createChainWorld, log, XPUB } from '../chains/chainWorld.ts';
import { MNEMONIC, STRANGER } from '../chains/node.ts';
import { signAlchemy, signHmac } from './hookSenders.ts';
import { balanceOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';
import { startTestWatcher } from './testWatcher.ts';

const SECRET = 'shared-with-the-provider-of-hooks';
const ETH = 10n ** 18n;
/** Providers give up after five seconds, and a node that says nothing takes ten. */
const ANSWERED_WITHIN_MS = 5_000;
const LONG = { timeout: 15_000 };

let world: ChainWorld;
let api: TestApi;

beforeAll(async () => {
  world = await createChainWorld();
  const { db, chain } = world;
  const signer = connectMnemonicSigner(db, chain, MNEMONIC);
  const paying = { stuckAfterSeconds: 600, bumpAfterSeconds: null, feeCap: null, inFlight: 100 };
  api = await createTestApi({
    database: world.database,
    sagas: true,
    hooks: { alchemy: { kind: 'alchemy', secrets: [SECRET] } },
    chain: {
      door: createChainDoor({ db, chain, xpub: XPUB }),
      activities: createChainActivities({ db, chain, signer, log, ...paying }),
    },
  });
  await startTestWatcher(api, { db, chain, log });
});

/** An honest delivery; the body says what a test likes. */
async function send(body: object, id: string = randomUUID()): Promise<string> {
  const text = JSON.stringify({ id, ...body });
  const headers = signAlchemy(SECRET, text);
  const begun = performance.now();
  const answer = await api.anonymous.send('POST', '/v1/chain-hooks/alchemy', {
    body: text,
    headers,
  });
  expect(answer.status).toBe(202);
  expect(performance.now() - begun).toBeLessThan(ANSWERED_WITHIN_MS);
  return id;
}

const activity = (txid: string, more: object = {}) => ({
  type: 'ADDRESS_ACTIVITY',
  event: { activity: [{ hash: txid, asset: 'ETH', ...more }] },
});

const hookOf = (id: string) =>
  world.value<{ finished: boolean; tries: number; fault: string | null }>(
    `select jsonb_build_object('finished', finished_at is not null, 'tries', tries,
       'fault', fault) from chain_hooks where delivery_id = $1`,
    id,
  );

const read = (patienceSeconds = 3_600) =>
  readHooks({ db: world.db, chain: world.chain, log, pollMs: 50, patienceSeconds });

/** Back-off is over for every hook. */
const makeDue = () => world.database.owner.query('update chain_hooks set due_at = now()');

async function readUntilFinished(id: string): Promise<void> {
  const looked = async () => {
    await makeDue();
    await read();
    return (await hookOf(id)).finished;
  };
  await expect.poll(looked, LONG).toBe(true);
}

/** Runs with the address unknown, and with nobody told that it is known again. */
async function unseen(address: string, work: () => Promise<void>): Promise<void> {
  const { owner } = world.database;
  const { rows } = await owner.query('select * from deposit_addresses where address = $1', [
    address,
  ]);
  await owner.query('alter table deposit_addresses disable trigger all');
  await owner.query('delete from deposit_addresses where address = $1', [address]);
  await work();
  await owner.query(
    `insert into deposit_addresses
     select * from jsonb_populate_recordset(null::deposit_addresses, $1)`,
    [JSON.stringify(rows)],
  );
  await owner.query('alter table deposit_addresses enable trigger all');
}

/** One ETH that the watcher overlooked, in a block that it has read. */
async function overlooked(wallet: string): Promise<string> {
  const address = await world.wallet(wallet, 'ETH');
  let txid = '';
  await unseen(address, async () => {
    ({ txid } = await world.node.send({ to: address, wei: ETH }));
    await world.node.mine(3);
    await caughtUp();
  });
  return txid;
}

async function caughtUp(): Promise<void> {
  const height = await world.node.height();
  const cursor = () => world.value<number>('select cursor_height::integer from chains');
  await expect.poll(cursor, LONG).toBeGreaterThanOrEqual(height);
}

const groups = (txid: string) =>
  world.value<number>('select count(*)::integer from chain_inclusions where txid = $1', txid);

describe('a hook about coins that were overlooked', () => {
  test('has them booked as the chain says, whatever it says itself', async () => {
    const txid = await overlooked('liar');
    expect(await balanceOf(api, 'liar')).toEqual(['0', '0', '0']);
    const body = activity(txid, { value: 1_000, toAddress: STRANGER.address, removed: true });
    await readUntilFinished(await send(body));
    await expect.poll(() => balanceOf(api, 'liar'), LONG).toEqual(['1', '0', '0']);
    // Others contradict it: another amount, another asset, that it was dropped.
    const contradictions = [{ value: 7 }, { asset: 'USDX' }, { removed: true, value: 0 }];
    for (const more of contradictions) await readUntilFinished(await send(activity(txid, more)));
    expect(await groups(txid)).toBe(1);
    expect(await balanceOf(api, 'liar')).toEqual(['1', '0', '0']);
  });

  test('is followed once, however often and in whatever order hooks about it come', async () => {
    const first = await overlooked('many-1');
    const second = await overlooked('many-2');
    const order = [second, first, second, first, first, second];
    const ids = await Promise.all(order.map((txid) => send(activity(txid))));
    await Promise.all(ids.map((id, at) => send(activity(order[at] as string), id)));
    await Promise.all([read(), read()]);
    for (const id of ids) await readUntilFinished(id);
    await expect.poll(() => balanceOf(api, 'many-1'), LONG).toEqual(['1', '0', '0']);
    await expect.poll(() => balanceOf(api, 'many-2'), LONG).toEqual(['1', '0', '0']);
    expect([await groups(first), await groups(second)]).toEqual([1, 1]);
  });

  test('does nothing where it is forged', async () => {
    const txid = await overlooked('forged');
    const body = JSON.stringify({ id: 'forged', ...activity(txid) });
    const lies = [signAlchemy('a-secret-of-somebody-else', body), signHmac(SECRET, body)];
    for (const headers of lies) {
      const path = '/v1/chain-hooks/alchemy';
      const answer = await api.anonymous.send('POST', path, { body, headers });
      expect(answer.status).toBe(401);
    }
    expect(await hookOf('forged')).toBeUndefined();
    await read();
    expect(await groups(txid)).toBe(0);
    await readUntilFinished(await send(activity(txid)));
    expect(await groups(txid)).toBe(1);
  });

  test('is picked up again where the reader died between the inbox and the chain', async () => {
    const txid = await overlooked('crash');
    const id = await send(activity(txid));
    // The reader that took it is gone: nothing was noted, and it is not due for a second.
    const [taken] = (await dueHooks(world.db, 10)).filter(({ deliveryId }) => deliveryId === id);
    expect(taken).toMatchObject({ source: 'alchemy', txids: [txid] });
    expect(await dueHooks(world.db, 10)).toEqual([]);
    expect(await groups(txid)).toBe(0);
    const { db, chain } = world;
    const reader = startHookReader({ db, chain, log, pollMs: 50 });
    await expect.poll(() => hookOf(id), LONG).toMatchObject({ finished: true, tries: 2 });
    await reader.stop();
    await expect.poll(() => balanceOf(api, 'crash'), LONG).toEqual(['1', '0', '0']);
  });
});

describe('a hook that comes early', () => {
  test('waits until a block has its transaction, and that block was read', async () => {
    const address = await world.wallet('early', 'ETH');
    const raw = await STRANGER.signTransaction({
      type: 'eip1559',
      chainId: 31337,
      nonce: Number(await world.node.rpc('eth_getTransactionCount', STRANGER.address, 'latest')),
      gas: 21_000n,
      maxFeePerGas: 100_000_000_000n,
      maxPriorityFeePerGas: 1n,
      to: address as `0x${string}`,
      value: ETH,
    });
    const txid = keccak256(raw);
    const id = await send(activity(txid));
    await read();
    expect(await hookOf(id)).toMatchObject({ finished: false, tries: 1 });
    expect(await read()).toBe(0);
    await world.node.automine(false);
    await world.node.resend(raw);
    await makeDue();
    await read();
    expect(await hookOf(id)).toMatchObject({ finished: false });
    expect(await balanceOf(api, 'early')).toEqual(['0', '0', '0']);
    await world.node.automine(true);
    await world.node.mine(4);
    await readUntilFinished(id);
    await expect.poll(() => balanceOf(api, 'early'), LONG).toEqual(['1', '0', '0']);
    expect(await groups(txid)).toBe(1);
    // Late ones find all done.
    await readUntilFinished(await send(activity(txid)));
    expect(await balanceOf(api, 'early')).toEqual(['1', '0', '0']);
  });

  test('is given up where no block ever has it, and tried again when it insists', async () => {
    const body = activity(toHex(randomUUID(), { size: 64 }).slice(0, 66));
    const id = await send(body);
    await read(0);
    expect(await hookOf(id)).toEqual({
      finished: true,
      tries: 1,
      fault: expect.stringMatching(/^1 of 1 transactions came into no block: 0x/),
    });
    await send(body, id);
    expect(await hookOf(id)).toEqual({ finished: false, tries: 0, fault: null });
    await read(0);
    expect(await hookOf(id)).toMatchObject({ finished: true });
  });

  test('is not given up because the node is away', async () => {
    const id = await send(activity(toHex(randomUUID(), { size: 64 }).slice(0, 66)));
    // It goes away after the hooks were taken.
    const dead = connectChain('http://127.0.0.1:9');
    const transactionStatus = async (txid: string) => (await dead()).transactionStatus(txid);
    const chain = async () => ({ ...world.port, transactionStatus });
    const looked = readHooks({ db: world.db, chain, log, pollMs: 50, patienceSeconds: 0 });
    await expect(looked).rejects.toThrow(ChainUnavailable);
    expect(await hookOf(id)).toMatchObject({ finished: false, tries: 1, fault: null });
  });
});

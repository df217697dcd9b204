/** A nonce is proven to be taken while the watcher drops the very block that proves it. */
import { mnemonicToAccount } from 'viem/accounts';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseDraft } from '../../src/chains/evm/transactions.ts';
import { HOT_WALLET_PATH } from '../../src/withdrawals/developmentKeys.ts';
import { HOT } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

const KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
/** Far more than either takes. */
const LATE_MS = 500;
let world: PayWorld;
const connect = () => world.db.connect();
let watcher: Awaited<ReturnType<typeof connect>>;
let saga: typeof watcher;

beforeAll(async () => {
  world = await createPayWorld();
  // Final by its own word, so that what is final can be dropped.
  await world.database.owner.query("update assets set final = '1'");
});

beforeEach(async () => {
  await world.node.automine(false);
  await world.database.owner.query('update sender_pauses set until = now()');
  [watcher, saga] = await Promise.all([connect(), connect()]);
});

afterEach(() => {
  // With whatever a failure left open.
  for (const each of [watcher, saga]) each.release(true);
});

/** A withdrawal whose nonce somebody else has spent in the newest block. */
async function taken() {
  const { id } = await world.withdraw('ETH', '0.1');
  await world.sign(id);
  const nonce = await world.port.nextSequence(HOT);
  const terms = { gas: '21000', maxFeePerGas: '300000000000', maxPriorityFeePerGas: '9000000000' };
  const payment = { sender: HOT, destination: HOT, contract: null, units: 0n };
  const draft = parseDraft(world.port.draft(payment, terms, nonce));
  const txid = await world.node.resend(await KEY.signTransaction(draft));
  await world.node.mine();
  await world.follow();
  const { height, hash } = await world.port.head();
  return { id, txid, height, hash };
}

const release = ({ id, txid, height, hash }: Awaited<ReturnType<typeof taken>>) =>
  saga.query("select chain_release_spent($1, 'test', $2, $3, $4) as answer", [
    id,
    height,
    hash,
    txid,
  ]);

const rewind = (height: number) =>
  watcher.query("select chain_rewind($1, 'test', $2)", [world.port.chain, height]);

const isLate = (asked: Promise<unknown>) =>
  Promise.race([
    asked.then(() => false),
    new Promise<boolean>((resolve) => setTimeout(resolve, LATE_MS, true)),
  ]);

it('is no proof where the block went first', async () => {
  const spent = await taken();
  await watcher.query('begin');
  await rewind(spent.height - 1);
  const released = release(spent);
  expect(await isLate(released), 'it waits for the watcher').toBe(true);
  await watcher.query('commit');
  expect((await released).rows[0]?.answer).toMatchObject({
    outcome: 'waiting',
    groupStatus: 'IN_PROGRESS',
  });
  await world.follow();
  expect((await release(spent)).rows[0]?.answer).toMatchObject({ groupStatus: 'RELEASED' });
});

it('is a proof of a final block alone, on a chain that goes on, of what is not ours', async () => {
  const spent = await taken();
  const { owner } = world.database;
  const told = async (changes: Partial<typeof spent> = {}) =>
    (await release({ ...spent, ...changes })).rows[0]?.answer.outcome;
  const own = 'select txid from withdrawal_attempts where group_id = $1';
  expect(await told({ txid: await world.value(own, spent.id) })).toBe('waiting');
  expect(await told({ hash: `0x${'1'.repeat(64)}` })).toBe('waiting');
  await owner.query("update assets set final = '2'");
  expect(await told()).toBe('waiting');
  await owner.query("update assets set final = '1'");
  await owner.query("select chain_halt(id, 'a test') from chains where id = $1", [
    world.port.chain,
  ]);
  expect(await told()).toBe('waiting');
  await owner.query('update chain_halts set until = now()');
  // What a dropped block cost, and nobody has taken back yet.
  await owner.query(
    `insert into attempt_inclusions (attempt_id, block_hash, block_height, paid, fee, fee_leg,
        canonical)
      select p.id, '0xgone', 1, true, 0, 3, false from withdrawal_attempts p where group_id = $1`,
    [spent.id],
  );
  expect(await told()).toBe('waiting');
  await owner.query("update attempt_inclusions set fee_leg = null where block_hash = '0xgone'");
  expect(await told()).toBe('done');
  const paused = 'select array_agg(cause) from sender_pauses where until is null';
  expect(await world.value(paused)).toEqual(['nonce_taken']);
});

it('stops the chain where the block goes next', async () => {
  const spent = await taken();
  await saga.query('begin');
  expect((await release(spent)).rows[0]?.answer).toMatchObject({ groupStatus: 'RELEASED' });
  const dropped = rewind(spent.height - 1);
  expect(await isLate(dropped), 'it waits for the proof').toBe(true);
  await saga.query('commit');
  await dropped;
  expect(await world.follow()).toMatchObject({
    turn: 'halted',
    reasons: [expect.stringContaining(`Group ${spent.id} was given back since something else`)],
  });
});

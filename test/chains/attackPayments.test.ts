/** Raw SQL on what payments are made of: bytes that may be out, nonces, coins that are credited. */
import { beforeAll, expect, it } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import type { Pool } from '../../src/db/pool.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

/** The SQLSTATE that a statement fails with; 'no error' where it does not. */
async function stateOf(pool: Pool, sql: string): Promise<string> {
  try {
    await pool.query(sql);
    return 'no error';
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

it('bytes that were signed stay as they are, with their terms and their nonce', async () => {
  const { id } = await world.withdraw('ETH', '0.1');
  await world.sign(id);
  const { db, database } = world;
  const where = `where group_id = '${id}'`;
  for (const change of ["bytes = '0x'", "txid = '0x1'", 'bytes = null, txid = null']) {
    for (const pool of [db, database.owner]) {
      expect(await stateOf(pool, `update withdrawal_attempts set ${change} ${where}`)).toBe(
        'HF001',
      );
    }
  }
  const terms = ['nonce = nonce + 1', "destination = '0x1'", 'max_fee = 9', "kind = 'cancel'"];
  for (const change of terms) {
    const sql = `update withdrawal_attempts set ${change} ${where}`;
    expect(await stateOf(db, sql)).toBe('42501');
    expect(await stateOf(database.owner, sql)).toBe('HF001');
  }
  for (const sql of [
    `update nonce_slots set nonce = nonce + 1 ${where}`,
    `delete from nonce_slots ${where}`,
    `delete from withdrawal_attempts ${where}`,
  ]) {
    expect(await stateOf(db, sql)).toBe('42501');
    expect(await stateOf(database.owner, sql)).toBe('HF001');
  }
  await world.send(id);
});

it('coins are credited by one of their appearances', async () => {
  const to = await world.wallet('twice', 'ETH');
  await world.node.automine(true);
  const { txid } = await world.node.send({ to, wei: 10n ** 18n });
  await world.node.mine(3);
  await world.follow();
  const inclusion = await world.value<string>(
    'select id::text from chain_inclusions where txid = $1',
    txid,
  );
  await openChainDeposit(world.db, inclusion);
  expect(await creditChainDeposit(world.db, inclusion)).toMatchObject({ groupStatus: 'SETTLED' });
  const again = (credited: string) => `insert into chain_inclusions
      (chain, txid, ordinal, inclusion_no, group_id, asset, amount, from_address, to_address,
       block_hash, block_height, canonical, credited_at)
    select chain, txid, ordinal, 2, group_id || ':2', asset, amount, from_address, to_address,
      block_hash, block_height, false, ${credited} from chain_inclusions where id = ${inclusion}`;
  expect(await stateOf(world.database.owner, again('now()'))).toBe('23505');
  expect(await stateOf(world.database.owner, again('null'))).toBe('no error');
});

/** The moment in which a replacement is written: what stands against it, and what it serves. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { ChainPort } from '../../src/chains/port.ts';
import { cancelOnChain, speedUp } from '../../src/ledger/replaceAttempt.ts';
import { replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import { beginReplacement, wishedFee } from '../../src/withdrawals/replacementTables.ts';
import { recordSigned } from '../../src/withdrawals/withdrawalTables.ts';
import { HOT } from './chainWorld.ts';
import { createPayWorld, DESTINATION, type PayWorld, SHOP } from './payWorld.ts';

const PRICE = {
  terms: { gas: '21000', maxFeePerGas: '400000000000', maxPriorityFeePerGas: '9000000000' },
  maxFee: '0.0084',
};
let world: PayWorld;
let count = 0;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(false);
});

/** A payment that is sent and in no block. */
async function sent(): Promise<string> {
  const { id } = await world.withdraw('ETH', '0.1');
  await world.sign(id);
  await world.send(id);
  return id;
}

const begin = (groupId: string, replaces: number, kind: 'payment' | 'cancel' = 'payment') => {
  const destination = kind === 'cancel' ? HOT : DESTINATION.toLowerCase();
  const asked = { groupId, replaces, kind, destination, price: PRICE };
  return beginReplacement(world.db, { ...asked, reason: 'a test' });
};

/** Begins one and has it signed. */
async function replace(groupId: string, replaces: number, kind?: 'cancel') {
  const begun = await begin(groupId, replaces, kind);
  if (begun.result !== 'signing') throw new Error(begun.result);
  const txid = `0x${String(++count).padStart(64, '0')}`;
  await recordSigned(world.db, begun.attempt.id, { bytes: '0x02', txid });
}

const wish = (groupId: string, maxFee: string | null) => ({
  ...{ groupId, stepKey: `wish:shop:${++count}`, actor: SHOP, maxFee },
});
const open = (id: string) =>
  world.value<string[] | null>(
    `select array_agg(kind order by kind) from attempt_wishes
      where group_id = $1 and attempt_no is null`,
    id,
  );

it('who comes late gets the attempt that took the place, and makes no other', async () => {
  const id = await sent();
  await replace(id, 1);
  expect(await begin(id, 1)).toMatchObject({ result: 'signing', attempt: { no: 2 } });
  const attempts = 'select count(*)::integer from withdrawal_attempts where group_id = $1';
  expect(await world.value(attempts, id)).toBe(2);
});

it('what is being cancelled is not paid any more', async () => {
  const id = await sent();
  await replace(id, 1, 'cancel');
  await expect(begin(id, 2)).rejects.toThrow(/is being cancelled on the chain/);
});

it('nothing takes the place of what a block has, nor while the chain is halted', async () => {
  const id = await sent();
  await world.database.owner.query("select chain_halt(id, 'a test') from chains");
  expect(await begin(id, 1)).toEqual({ result: 'over' });
  await world.database.owner.query('update chain_halts set until = now()');
  await world.node.mine();
  await world.follow();
  expect(await begin(id, 1)).toEqual({ result: 'over' });
});

it('a higher fee leaves the wish for a cancellation open, a cancellation serves all', async () => {
  const id = await sent();
  await speedUp(world.db, wish(id, '0.02'));
  await speedUp(world.db, wish(id, '0.01'));
  await cancelOnChain(world.db, wish(id, '0.03'));
  expect(await wishedFee(world.db, id)).toBe('0.01');
  await replace(id, 1);
  expect(await open(id)).toEqual(['cancel']);
  await speedUp(world.db, wish(id, null));
  await replace(id, 2, 'cancel');
  expect(await open(id)).toBeNull();
});

it('what costs too much is declined to each who asked for it', async () => {
  const id = await sent();
  for (const _ of [1, 2]) await speedUp(world.db, wish(id, null));
  const { why, group } = await replaceWithdrawal({ ...world.deps, feeCap: '0.0000001' }, id);
  expect(why).toMatch(/is allowed/);
  expect(group.withdrawal?.state).toBe('broadcast');
  expect(await open(id)).toBeNull();
  const told = `select count(*)::integer from group_facts
    where group_id = $1 and event = 'withdrawal.not_replaced'`;
  expect(await world.value(told, id)).toBe(2);
});

it('who asks for a cancellation while a higher fee costs too much gets it', async () => {
  const id = await sent();
  await speedUp(world.db, wish(id, null));
  const replacementQuote: ChainPort['replacementQuote'] = async () => {
    await cancelOnChain(world.db, wish(id, null));
    return { fault: 'too dear' };
  };
  const chain = async () => ({ ...world.port, replacementQuote });
  const { group } = await replaceWithdrawal({ ...world.deps, chain }, id);
  expect(group.withdrawal?.state).toBe('cancelling');
  expect(await open(id)).toEqual(['cancel']);
  expect((await replaceWithdrawal(world.deps, id)).why).toBeNull();
  expect(await open(id)).toBeNull();
});

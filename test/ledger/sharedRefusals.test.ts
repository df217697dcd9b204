/** A shared call never does what a step alone would refuse, and never less for the others. */
import { beforeAll, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { OpenTransferInput } from '../../src/contracts/steps.ts';
import type { Pool } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { deleteLimit, putLimit } from '../../src/ledger/limits.ts';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import {
  addAsset,
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  rowsOf,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';
import { withdraw } from './limited.ts';

let db: Pool;
let shared: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
  await addAsset(db, { code: 'EUR', scale: 2 });
  shared = queueSteps(db) as Pool;
});

const settleInput = (group: string) => ({ ...step('settle', group), legs: null, final: true });
const move = (from: string, to: string, amount = '1') =>
  transferInput([debit(from, amount), credit(to, amount)]);

/** What one step answers in the middle of others, each of which must be done. */
async function amongOthers<Answer>(one: () => Promise<Answer>): Promise<Answer> {
  const wallets = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => walletWith(db, '1')));
  const other = (index: number) => {
    const [from, to] = wallets.slice(2 * index);
    return codeOf(openTransfer(shared, move(from!, to!)));
  };
  // The first goes alone; what is asked for meanwhile goes together.
  const [first, second, answer, ...rest] = await Promise.all([
    other(0),
    other(1),
    one(),
    other(2),
    other(3),
  ]);
  expect([first, second, ...rest]).toEqual(['done', 'done', 'done', 'done']);
  expect((await audit(db)).faults).toEqual([]);
  return answer;
}

const opened = (input: OpenTransferInput) => amongOthers(() => codeOf(openTransfer(shared, input)));

it.each(['FROZEN', 'CLOSED'] as const)('a wallet that is %s', async (status) => {
  const [a, b] = [await walletWith(db, status === 'CLOSED' ? '0' : '5'), await walletWith(db, '5')];
  await setWalletStatus(db, { id: a, status, reason: 'suspicion', actor: 'ops' });
  expect(await opened(status === 'CLOSED' ? move(b, a) : move(a, b))).toBe('WALLET_NOT_OPEN');
});

it('an amount finer than its asset', async () => {
  const [a, b] = [await walletWith(db, '5'), await walletWith(db, '0')];
  expect(await opened(move(a, b, '1.234'))).toBe('INVALID_AMOUNT');
});

it('a wallet that is not there', async () => {
  expect(await opened(move(await walletWith(db, '5'), 'nobody'))).toBe('WALLET_NOT_FOUND');
});

it('one that was to be accepted before', async () => {
  const [a, b] = [await walletWith(db, '5'), await walletWith(db, '0')];
  const acceptBy = new Date(Date.now() - 1_000).toISOString();
  expect(await opened({ ...move(a, b), acceptBy })).toBe('NOT_ACCEPTED_IN_TIME');
  expect(await amounts(db, a)).toEqual(['5', '0', '0']);
});

it('more than a limit allows', async () => {
  const [a, b] = [await walletWith(db, '9'), await walletWith(db, '0')];
  const limit = { id: 'a-day', asset: 'USD', wallet: a, window: 'day' as const, amount: '5' };
  await putLimit(db, { ...limit, kinds: ['transfer'] });
  expect(await opened(move(a, b, '5'))).toBe('done');
  expect(await opened(move(a, b, '0.01'))).toBe('LIMIT_EXCEEDED');
  await deleteLimit(db, limit.id);
  expect(await opened(move(a, b, '4'))).toBe('done');
});

it('two assets: held leg by leg, settled never', async () => {
  const [a, b] = [await walletWith(db, '5'), await walletWith(db, '0', 'EUR')];
  const input = move(a, b);
  const held = await amongOthers(() => openTransfer(shared, input));
  expect(held).toMatchObject({ group: { legs: [{ asset: 'USD' }, { asset: 'EUR' }] } });
  const settled = await amongOthers(() => codeOf(settle(shared, settleInput(input.groupId))));
  expect(settled).toBe('UNBALANCED_GROUP');
});

it('a settlement after the deadline', async () => {
  const { a, group } = await heldPair(db, '5', 1);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const alone = await heldPair(db, '5', 1);
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const expected = await codeOf(settle(db, settleInput(alone.group)));
  expect(expected).not.toBe('done');
  expect(await amongOthers(() => codeOf(settle(shared, settleInput(group))))).toBe(expected);
  expect(await amounts(db, a)).toEqual(await amounts(db, alone.a));
});

it('what is left of a group that was settled in part', async () => {
  const { group, b } = await heldPair(db, '5');
  const legs = [
    { leg: 1, amount: '2' },
    { leg: 2, amount: '2' },
  ];
  await settle(db, { ...step('settle', group), legs, final: false });
  expect(await amongOthers(() => codeOf(settle(shared, settleInput(group))))).toBe('done');
  expect(await rowsOf(db, group)).toHaveLength(6);
  expect(await amounts(db, b)).toEqual(['5', '0', '0']);
});

it('a group of more than two legs', async () => {
  const [a, b] = [await walletWith(db, '5'), await walletWith(db, '0')];
  const group = await hold(db, [debit(a, '5'), credit(b, '2'), credit(b, '3')]);
  expect(await amongOthers(() => codeOf(settle(shared, settleInput(group))))).toBe('done');
  expect(await amounts(db, b)).toEqual(['5', '0', '0']);
});

it('a withdrawal or a deposit, which no settlement of a transfer ends', async () => {
  const w = await walletWith(db, '5');
  const withdrawn = await done(withdraw(db, w, '5'));
  const id = groupId('deposit', 'shop', 'pending');
  const outside = { txid: null, ordinal: null, source: null, metadata: {}, acceptBy: null };
  const deposit = { ...step('create', id), client: 'shop', wallet: w, amount: '3', ...outside };
  await done(openDeposit(db, deposit));
  for (const group of [withdrawn.group.id, id]) {
    const settled = await amongOthers(() => codeOf(settle(shared, settleInput(group))));
    expect(settled).toBe('WRONG_KIND');
  }
  expect(await amounts(db, w)).toEqual(['0', '3', '5']);
});

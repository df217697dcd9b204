import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { expire } from '../../src/ledger/expire.ts';
import { extend } from '../../src/ledger/extend.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { release } from '../../src/ledger/release.ts';
import { replay } from '../../src/ledger/replay.ts';
import { settle } from '../../src/ledger/settle.ts';
import {
  amounts,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  step,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

const settleInput = (group: string, legs: [number, string][] | null = null, final = true) => ({
  ...step('settle', group),
  legs: legs?.map(([leg, amount]) => ({ leg, amount })) ?? null,
  final,
});

const giveBackInput = (verb: 'release' | 'cancel', group: string, reason = 'because') => ({
  ...step(verb, group),
  reason,
});

describe('the deadline', () => {
  const expireInput = (group: string, expiresAt: string) => ({
    groupId: group,
    stepKey: `~expire:${expiresAt}`,
    actor: { name: 'saga', admin: false },
    expiresAt,
  });
  const deadlineOf = async (group: string) => (await readGroup(db, group))?.expiresAt ?? '';

  it('is not an outcome before it is due, nor for another deadline', async () => {
    const { group } = await heldPair(db, '10');
    const first = await deadlineOf(group);
    const early = expireInput(group, first);
    expect(await expire(db, early)).toEqual({
      outcome: 'not_due',
      expiresAt: first,
      groupStatus: 'IN_PROGRESS',
    });
    expect(await replay(db, 'expire', early)).toBeNull();
    const moving = { ...step('extend', group), expiresIn: 7200 };
    const moved = await done(extend(db, moving));
    const later = moved.group;
    expect(await extend(db, moving)).toEqual({ ...moved, replayed: true });
    expect(Date.parse(later.expiresAt ?? '')).toBeGreaterThan(Date.parse(first));
    expect(await expire(db, early)).toMatchObject({
      outcome: 'not_due',
      expiresAt: later.expiresAt,
    });
    const { group: due } = await heldPair(db, '10', 0);
    expect(await expire(db, expireInput(due, first))).toMatchObject({
      outcome: 'not_due',
      expiresAt: await deadlineOf(due),
    });
  });

  it('cancels with EXPIRED once it is due', async () => {
    const { a, group } = await heldPair(db, '10', 0);
    const input = expireInput(group, await deadlineOf(group));
    expect((await done(expire(db, input))).group).toMatchObject({
      status: 'CANCELLED',
      reason: 'EXPIRED',
    });
    expect((await done(expire(db, input))).replayed).toBe(true);
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
  });

  it.each([
    ['settle', (group: string) => settle(db, settleInput(group))],
    ['extend', (group: string) => extend(db, { ...step('extend', group), expiresIn: 60 })],
    ['addLegs', (group: string) => addLegs(db, { ...step('addLegs', group), legs: [] })],
  ])(
    '%s past it writes the cancel first, under the timer’s own key, then refuses',
    async (_, act) => {
      const { a, group } = await heldPair(db, '10', 0);
      const deadline = await deadlineOf(group);
      expect(await act(group)).toMatchObject({
        refusal: { code: 'GROUP_NOT_OPEN', detail: `Group ${group} is CANCELLED: EXPIRED.` },
        groupStatus: 'CANCELLED',
      });
      expect(await amounts(db, a)).toEqual(['10', '0', '0']);
      const timer = await done(expire(db, expireInput(group, deadline)));
      expect(timer).toMatchObject({ replayed: true, groupStatus: 'CANCELLED' });
    },
  );

  it('leaves giving back to people until its own act, whatever legs there are', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const group = await hold(db, [debit(a, '10'), credit(b, '4'), credit(b, '6')], 0);
    const released = await done(release(db, giveBackInput('release', group, 'in dispute')));
    expect(released.group).toMatchObject({ status: 'RELEASED', reason: 'in dispute' });
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
  });

  it('runs by the clock of the database', async () => {
    const { group } = await heldPair(db, '10', 1);
    const input = expireInput(group, await deadlineOf(group));
    expect((await expire(db, input)).outcome).toBe('not_due');
    await sleep(1_050);
    expect((await expire(db, input)).outcome).toBe('done');
  });

  it('tells, without storing it, that a finished group needs no cancel', async () => {
    const { group } = await heldPair(db, '10', 0);
    const input = expireInput(group, await deadlineOf(group));
    await done(release(db, giveBackInput('release', group)));
    expect(await expire(db, input)).toMatchObject({
      refusal: { code: 'GROUP_NOT_OPEN' },
      frozen: false,
      groupStatus: 'RELEASED',
    });
  });
});

it('of a withdrawal that waits for approval ends nothing before its time', async () => {
  const rule = { id: 'usd', asset: 'USD', owner: null, walletKind: null, from: '5', approvals: 1 };
  await putApprovalRule(db, rule);
  const [wallet, key] = [await walletWith(db, '10'), unique('key')];
  const terms = { destination: 'iban:1', feeMode: 'platform' as const, maxFee: null };
  const body = { client: 'shop', wallet, amount: '10', ...terms, riskMeta: null, metadata: {} };
  const opening = { ...step('create', groupId('withdrawal', 'shop', key), key), acceptBy: null };
  const { group } = await done(openWithdrawal(db, { ...opening, ...body, expiresIn: 3_600 }));
  const paid = { ...step('finalize', group.id), amount: null, final: true, txid: null };
  expect(await finalizeWithdrawal(db, paid)).toMatchObject({
    refusal: { code: 'WRONG_KIND', detail: expect.stringContaining('awaiting_approval') },
    groupStatus: 'IN_PROGRESS',
  });
  const word = { ...step('approve', group.id), reason: 'seen' };
  await done(approve(db, { ...word, actor: { name: 'ops', admin: false } }));
  expect((await readGroup(db, group.id))?.withdrawal?.state).toBe('held');
});

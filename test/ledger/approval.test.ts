import { beforeAll, describe, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { ApprovalRule } from '../../src/contracts/resources.ts';
import type { Pool } from '../../src/db/pool.ts';
import { deleteApprovalRule, putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { markStuck } from '../../src/ledger/markStuck.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { recordRisk, requireRiskCheck } from '../../src/ledger/recordRisk.ts';
import { reject } from '../../src/ledger/reject.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import {
  addAsset,
  amounts,
  codeOf,
  createWorld,
  done,
  putIn,
  step,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;

const RULE = { asset: 'USD', owner: null, walletKind: null, from: '50', approvals: 2 };
const rule = async (changes: Partial<ApprovalRule> = {}) => {
  const put = await putApprovalRule(db, { id: 'usd', ...RULE, ...changes });
  if ('refusal' in put) throw new Error(put.refusal.detail);
};

beforeAll(async () => {
  ({ db, owner } = await createWorld());
  await addAsset(db, { code: 'EUR', scale: 2 });
  await rule();
});

/** A withdrawal that the client `shop` asks for. */
async function open(amount: string, more: { wallet?: string; expiresIn?: number } = {}) {
  const key = unique('key');
  const wallet = more.wallet ?? (await walletWith(db, amount));
  const { group } = await done(
    openWithdrawal(db, {
      ...step('create', groupId('withdrawal', 'shop', key), key),
      client: 'shop',
      wallet,
      amount,
      destination: 'iban:1',
      feeMode: 'platform',
      maxFee: null,
      riskMeta: null,
      expiresIn: more.expiresIn ?? null,
      metadata: {},
      acceptBy: null,
    }),
  );
  return { id: group.id, wallet, group };
}

/** What `client` says of a group. */
const word = (verb: 'approve' | 'reject', client: string, id: string, key = unique('key')) => ({
  groupId: id,
  stepKey: `${verb}:${client}:${key}`,
  actor: { name: client, admin: false },
  reason: `seen by ${client}`,
});
const yes = (client: string, id: string, key?: string) =>
  approve(db, word('approve', client, id, key));
const no = (client: string, id: string) => reject(db, word('reject', client, id));
const pay = (id: string) =>
  finalizeWithdrawal(db, { ...step('finalize', id), amount: null, final: true, txid: null });
const stateOf = async (id: string) => (await readGroup(db, id))?.withdrawal?.state;
const pastDeadline = (id: string) =>
  owner.query('update transfer_groups set expires_at = clock_timestamp() where id = $1', [id]);

describe('an approval rule', () => {
  it('asks from its amount on, and nobody below', async () => {
    const small = await open('49.99');
    expect(small.group.withdrawal).toEqual({
      state: 'held',
      destination: 'iban:1',
      attempts: [],
      confirmations: 0,
    });
    const { group, wallet } = await open('50');
    expect(group.withdrawal).toMatchObject({
      state: 'awaiting_approval',
      approval: { rule: 'usd', needed: 2, given: [], risk: null },
    });
    expect(await amounts(db, wallet)).toEqual(['0', '0', '50']);
  });

  it('of an owner or a kind asks those alone; the one that asks for most counts', async () => {
    const scoped = { asset: 'EUR', from: '0' };
    await rule({ ...scoped, id: 'kind', walletKind: 'merchant', approvals: 1 });
    await rule({ ...scoped, id: 'owner', owner: 'big shop', approvals: 3 });
    const needed = async (walletOwner: string, kind: 'user' | 'merchant') => {
      const wallet = unique('w');
      await createWallet(db, { id: wallet, owner: walletOwner, asset: 'EUR', kind });
      await putIn(db, wallet, '1');
      return (await open('1', { wallet })).group.withdrawal?.approval?.needed;
    };
    expect(await needed('alice', 'user')).toBeUndefined();
    expect(await needed('alice', 'merchant')).toBe(1);
    expect(await needed('big shop', 'merchant')).toBe(3);
  });

  it('that is changed or deleted touches no withdrawal that is open', async () => {
    await rule({ id: 'brief', asset: 'EUR', from: '7', approvals: 1 });
    const { id } = await open('7', { wallet: await walletWith(db, '7', 'EUR') });
    expect(await deleteApprovalRule(db, 'brief')).toBe(true);
    expect(await codeOf(pay(id))).toBe('WRONG_KIND');
  });
});

describe('four eyes', () => {
  it('let it go when so many different clients have approved, and not before', async () => {
    const { id, wallet } = await open('50');
    expect(await codeOf(yes('shop', id))).toBe('FORBIDDEN');
    expect((await done(yes('ann', id))).group.withdrawal).toMatchObject({
      state: 'awaiting_approval',
      approval: { needed: 2, given: ['ann'] },
    });
    const again = await yes('ann', id);
    expect(again).toMatchObject({ outcome: 'refused', frozen: false });
    expect(await codeOf(pay(id))).toBe('WRONG_KIND');
    expect((await done(yes('bob', id))).group.withdrawal).toMatchObject({
      state: 'held',
      approval: { given: ['ann', 'bob'] },
    });
    await done(pay(id));
    expect(await amounts(db, wallet)).toEqual(['0', '0', '0']);
    expect(await readTimeline(db, id)).toMatchObject([
      { event: 'withdraw', actor: 'shop' },
      { event: 'withdrawal.awaiting_approval', detail: { rule: 'usd', approvals: 2 } },
      { event: 'approve', actor: 'ann', reason: 'seen by ann' },
      { event: 'finalize', outcome: 'refused', reason: 'WRONG_KIND' },
      { event: 'approve', actor: 'bob', reason: 'seen by bob' },
      { event: 'finalize', outcome: 'done' },
    ]);
  });

  it('count each client once, however many of its requests come at the same time', async () => {
    const { id } = await open('50');
    const wave = (client: string) => Array.from({ length: 8 }, () => codeOf(yes(client, id)));
    const told = await Promise.all(wave('ann'));
    expect(told.filter((code) => code === 'done')).toHaveLength(1);
    expect(told.filter((code) => code === 'FORBIDDEN')).toHaveLength(7);
    expect(await stateOf(id)).toBe('awaiting_approval');
  });

  it('answer a repeated key as they did, and name another request under it', async () => {
    const { id } = await open('50');
    const first = await done(yes('ann', id, 'k'));
    expect(await yes('ann', id, 'k')).toEqual({ ...first, replayed: true });
    const other = { ...word('approve', 'ann', id, 'k'), reason: 'something else' };
    expect(await codeOf(approve(db, other))).toBe('key_reused');
  });

  it('say no once, with the reason, and everything is given back', async () => {
    const { id, wallet } = await open('50');
    await done(yes('ann', id));
    expect((await done(no('bob', id))).group).toMatchObject({
      status: 'CANCELLED',
      reason: 'seen by bob',
      withdrawal: { state: 'released' },
    });
    expect(await amounts(db, wallet)).toEqual(['50', '0', '0']);
    expect(await codeOf(yes('carl', id))).toBe('GROUP_NOT_OPEN');
    expect(await codeOf(no('carl', id))).toBe('GROUP_NOT_OPEN');
  });

  it('one of approve and reject wins', async () => {
    for (let round = 0; round < 5; round++) {
      const { id } = await open('50');
      await done(yes('ann', id));
      const told = await Promise.all([codeOf(yes('bob', id)), codeOf(no('carl', id))]);
      expect(told).toContain('done');
      expect(told.filter((code) => code === 'done')).toHaveLength(1);
    }
  });

  it('count no more once enough have said yes', async () => {
    const { id } = await open('50');
    await done(yes('ann', id));
    await done(yes('bob', id));
    expect(await codeOf(yes('carl', id))).toBe('WRONG_KIND');
    expect(await codeOf(no('carl', id))).toBe('WRONG_KIND');
    expect(await codeOf(yes('ann', 'withdrawal:shop:none'))).toBe('not_found');
  });

  it('leave rows that nobody changes', async () => {
    const { id } = await open('50');
    await done(yes('ann', id));
    for (const sql of [
      'delete from withdrawal_approvals',
      "update withdrawal_approvals set client = 'x'",
      'delete from withdrawal_policies',
    ]) {
      await expect(owner.query(sql)).rejects.toThrow();
    }
  });
});

describe('while it waits for approval', () => {
  it('whoever holds it may give it back', async () => {
    const { id, wallet } = await open('50');
    const input = { ...step('release', id), reason: 'changed my mind', amount: null, final: true };
    await done(releaseWithdrawal(db, input));
    expect(await amounts(db, wallet)).toEqual(['50', '0', '0']);
  });

  it('its deadline ends it, whoever looks first', async () => {
    const due = async () => {
      const made = await open('50', { expiresIn: 3600 });
      await pastDeadline(made.id);
      return made;
    };
    const byApproval = await due();
    expect(await codeOf(yes('ann', byApproval.id))).toBe('GROUP_NOT_OPEN');
    const byPayment = await due();
    expect(await codeOf(pay(byPayment.id))).toBe('GROUP_NOT_OPEN');
    const byTimer = await due();
    const expiresAt = (await readGroup(db, byTimer.id))?.expiresAt ?? '';
    await done(markStuck(db, { ...step('create', byTimer.id), stepKey: '~s', expiresAt }));
    for (const { id, wallet } of [byApproval, byPayment, byTimer]) {
      expect(await readGroup(db, id)).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
      expect(await amounts(db, wallet)).toEqual(['50', '0', '0']);
    }
  });

  it('a deadline that moved away is not due', async () => {
    const { id } = await open('50', { expiresIn: 3600 });
    const expiresAt = (await readGroup(db, id))?.expiresAt ?? '';
    const early = await markStuck(db, { ...step('create', id), stepKey: '~s', expiresAt });
    expect(early.outcome).toBe('not_due');
    expect(await stateOf(id)).toBe('awaiting_approval');
  });
});

describe('the risk check', () => {
  beforeAll(() => requireRiskCheck(db, true));

  const verdict = (id: string, said: 'allow' | 'review' | 'deny') =>
    recordRisk(db, {
      groupId: id,
      stepKey: '~risk',
      actor: { name: 'risk', admin: false },
      verdict: said,
      reason: 'score 7',
    });

  it('is waited for by every withdrawal, and asked before people', async () => {
    const { id, group } = await open('50');
    expect(group.withdrawal?.approval).toMatchObject({ risk: 'pending', needed: 2 });
    const early = await yes('ann', id);
    expect(early).toMatchObject({ refusal: { code: 'WRONG_KIND' }, frozen: false });
    expect(await codeOf(pay(id))).toBe('WRONG_KIND');
    expect((await done(verdict(id, 'allow'))).group.withdrawal).toMatchObject({
      state: 'awaiting_approval',
      approval: { risk: 'allow', needed: 2 },
    });
    await done(yes('ann', id));
    await done(yes('bob', id));
    expect(await stateOf(id)).toBe('held');
  });

  it('allows, asks for a person, or denies', async () => {
    const allowed = await open('1');
    await done(verdict(allowed.id, 'allow'));
    expect(await stateOf(allowed.id)).toBe('held');

    const reviewed = await open('1');
    await done(verdict(reviewed.id, 'review'));
    expect(await stateOf(reviewed.id)).toBe('awaiting_approval');
    await done(yes('ann', reviewed.id));
    expect(await stateOf(reviewed.id)).toBe('held');

    const denied = await open('1');
    expect((await done(verdict(denied.id, 'deny'))).group).toMatchObject({
      status: 'CANCELLED',
      reason: 'RISK_DENIED',
    });
    expect(await amounts(db, denied.wallet)).toEqual(['1', '0', '0']);
  });

  it('speaks once: a second verdict changes nothing', async () => {
    const { id } = await open('1');
    await done(verdict(id, 'review'));
    expect(await codeOf(verdict(id, 'allow'))).toBe('key_reused');
    const other = { ...step('create', id), stepKey: '~other', verdict: 'deny', reason: null };
    expect(await codeOf(recordRisk(db, { ...other, verdict: 'deny' }))).toBe('WRONG_KIND');
    expect(await stateOf(id)).toBe('awaiting_approval');
  });
});

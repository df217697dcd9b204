import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { audit } from '../../src/ledger/audit.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { listWalletEntries } from '../../src/ledger/entries.ts';
import { expire } from '../../src/ledger/expire.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { release } from '../../src/ledger/release.ts';
import { settle } from '../../src/ledger/settle.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import {
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  putIn,
  rowsOf,
  step,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

const count = (answers: string[], wanted: string) =>
  answers.filter((answer) => answer === wanted).length;
const settleInput = (group: string) => ({ ...step('settle', group), legs: null, final: true });

describe('at the same time', () => {
  it('twenty holds of 10 on 100: exactly ten', async () => {
    const a = await walletWith(db, '100');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => codeOf(openTransfer(db, transferInput([debit(a, '10')])))),
    );
    expect(count(answers, 'done')).toBe(10);
    expect(count(answers, 'INSUFFICIENT_FUNDS')).toBe(10);
    expect(await amounts(db, a)).toEqual(['0', '0', '100']);
  });

  it('two holds of 60000 on 100000: exactly one', async () => {
    const a = await walletWith(db, '100000');
    const ask = () => codeOf(openTransfer(db, transferInput([debit(a, '60000')])));
    expect((await Promise.all([ask(), ask()])).sort()).toEqual(['INSUFFICIENT_FUNDS', 'done']);
  });

  it('the first two operations of a new wallet both apply', async () => {
    const w = unique('fresh');
    const open = { id: w, owner: 'somebody', asset: 'USD' };
    const made = await Promise.all([createWallet(db, open), createWallet(db, open)]);
    expect(made.map((answer) => 'created' in answer && answer.created).sort()).toEqual([
      false,
      true,
    ]);
    await Promise.all([putIn(db, w, '10'), putIn(db, w, '5')]);
    expect(await amounts(db, w)).toEqual(['15', '0', '0']);
  });

  it('nobody waits for the row of a wallet that all share', async () => {
    const w = await walletWith(db, '0');
    const other = await db.connect();
    try {
      await other.query('begin');
      await other.query("select from wallet_balances where wallet_id = 'external:USD' for update");
      await putIn(db, w, '5');
    } finally {
      await other.query('rollback');
      other.release();
    }
    expect(await amounts(db, w)).toEqual(['5', '0', '0']);
  });

  it('settle, cancel, release and the deadline on one group: one winner', async () => {
    for (let round = 0; round < 15; round++) {
      const { a, b, group } = await heldPair(db, '10', 0);
      const expiresAt = (await readGroup(db, group))?.expiresAt ?? '';
      const deadline = { groupId: group, stepKey: `~expire:${expiresAt}`, expiresAt };
      const answers = await Promise.all([
        codeOf(settle(db, settleInput(group))),
        codeOf(cancel(db, { ...step('cancel', group), reason: 'x' })),
        codeOf(release(db, { ...step('release', group), reason: 'x' })),
        codeOf(expire(db, { ...deadline, actor: { name: 'saga', admin: false } })),
      ]);
      expect(answers[0]).toBe('GROUP_NOT_OPEN');
      expect((await rowsOf(db, group)).length).toBe(4);
      expect([await amounts(db, a), await amounts(db, b)]).toEqual([
        ['10', '0', '0'],
        ['0', '0', '0'],
      ]);
    }
  });

  it('settle and settle under two keys, and settle against cancel: one winner each', async () => {
    for (let round = 0; round < 15; round++) {
      const { group } = await heldPair(db, '10');
      const acts = [
        codeOf(settle(db, settleInput(group))),
        codeOf(settle(db, settleInput(group))),
        codeOf(cancel(db, { ...step('cancel', group), reason: 'x' })),
      ];
      expect(count(await Promise.all(acts), 'done')).toBe(1);
      expect((await rowsOf(db, group)).length).toBe(4);
    }
  });

  it('parts of one hold: never more than it has', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const part = () =>
      settle(db, {
        ...step('settle', group),
        legs: [1, 2].map((leg) => ({ leg, amount: '3' })),
        final: false,
      });
    const answers = await Promise.all(Array.from({ length: 8 }, () => codeOf(part())));
    expect(count(answers, 'done')).toBe(3);
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['0', '0', '1'],
      ['9', '1', '0'],
    ]);
  });

  it('legs that are added wait for an end that is being written', async () => {
    const { b, group } = await heldPair(db, '10');
    const first = await db.connect();
    onTestFinished(() => first.release(true));
    await first.query('begin');
    await done(cancel(first, { ...step('cancel', group), reason: 'x' }));
    const added = codeOf(addLegs(db, { ...step('addLegs', group), legs: [credit(b, '1')] }));
    const late = new Promise((resolve) => setTimeout(resolve, 300, 'it waits'));
    expect(await Promise.race([added, late])).toBe('it waits');
    await first.query('commit');
    expect(await added).toBe('GROUP_NOT_OPEN');
  });

  it('legs added by many callers get numbers of their own', async () => {
    const a = await walletWith(db, '100');
    const group = await hold(db, []);
    await Promise.all(
      Array.from({ length: 10 }, () =>
        done(addLegs(db, { ...step('addLegs', group), legs: [debit(a, '1'), debit(a, '2')] })),
      ),
    );
    const legs = (await readGroup(db, group))?.legs ?? [];
    expect(legs.map(({ leg }) => leg)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(await amounts(db, a)).toEqual(['70', '0', '30']);
  });

  it('transfers between few wallets: books balance, history runs forward', async () => {
    const wallets = await Promise.all(['50', '50', '50'].map((amount) => walletWith(db, amount)));
    const pick = (index: number) => wallets[index % 3] ?? '';
    const move = async (from: string, to: string, settleAs: 'immediate' | 'manual') => {
      const input = transferInput([debit(from, '3'), credit(to, '3')], { settle: settleAs });
      const outcome = await openTransfer(db, input);
      if (outcome.outcome === 'done' && settleAs === 'manual') {
        await done(settle(db, settleInput(input.groupId)));
      }
    };
    await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        move(pick(index), pick(index + 1 + (index % 2)), index % 3 ? 'immediate' : 'manual'),
      ),
    );
    const total = (await Promise.all(wallets.map((id) => amounts(db, id)))).map(([a]) => Number(a));
    expect(total.reduce((sum, amount) => sum + amount)).toBe(150);
    for (const wallet of wallets) {
      const { data } = await listWalletEntries(db, wallet, {}, { limit: 200 });
      const versions = data.map(({ walletVersion }) => walletVersion ?? 0);
      expect(versions).toEqual([...versions].sort((x, y) => y - x));
      expect(versions).toEqual(Array.from(versions, (_, index) => (versions[0] ?? 0) - index));
    }
    expect((await audit(db)).faults).toEqual([]);
  });
});

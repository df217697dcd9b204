import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Db, Pool } from '../../src/db/pool.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { deleteLimit, listLimits, putLimit, readLimit } from '../../src/ledger/limits.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import {
  addAsset,
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  putIn,
  step,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';
import { limitOf, withdraw as withdrawBy } from './limited.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
  await addAsset(db, { code: 'FEE', scale: 2, withdrawalFee: '1' });
});

/** Far more than a step takes. */
const LATE_MS = 500;

const withdraw = (wallet: string, amount: string, by: Db = db) => withdrawBy(by, wallet, amount);
const ask = (wallet: string, amount: string, by?: Db) => codeOf(withdraw(wallet, amount, by));
describe('a daily limit', () => {
  it('stands before a plain transfer between two people too', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    // Both ways: whose id comes first decides whose balance is locked first.
    for (const [from, to] of [[a, b] as const, [b, a] as const]) {
      const limit = { ...limitOf({ wallet: from }, '5'), kinds: ['transfer' as const] };
      await putLimit(db, limit);
      const pay = (settle: 'immediate' | 'manual') =>
        codeOf(openTransfer(db, transferInput([debit(from, '3'), credit(to, '3')], { settle })));
      expect(await pay('immediate')).toBe('done');
      expect(await pay('immediate')).toBe('LIMIT_EXCEEDED');
      expect(await pay('manual')).toBe('LIMIT_EXCEEDED');
      const uneven = transferInput([debit(from, '9'), credit(to, '8')], { settle: 'immediate' });
      expect(await codeOf(openTransfer(db, uneven)), 'told first').toBe('UNBALANCED_GROUP');
      await deleteLimit(db, limit.id);
      expect(await pay('immediate')).toBe('done');
    }
  });

  it('counts open holds and what settled, not what was given back, nor reversals', async () => {
    const w = await walletWith(db, '1000');
    await putLimit(db, limitOf({ wallet: w }, '100'));
    const first = (await done(withdraw(w, '60'))).group.id;
    expect(await withdraw(w, '41')).toMatchObject({
      refusal: {
        code: 'LIMIT_EXCEEDED',
        detail: expect.stringContaining('allows 100 USD a day; 60 is used, 41 is asked'),
      },
    });
    await done(
      releaseWithdrawal(db, { ...step('release', first), reason: 'x', amount: '10', final: false }),
    );
    expect(await ask(w, '50')).toBe('done');
    expect(await ask(w, '0.01')).toBe('LIMIT_EXCEEDED');
    await done(
      finalizeWithdrawal(db, { ...step('finalize', first), amount: null, final: true, txid: null }),
    );
    expect(await ask(w, '0.01')).toBe('LIMIT_EXCEEDED');
    const back = { reverses: first, client: 'shop', amount: null, legs: null, acceptBy: null };
    await done(reverse(db, { ...step('create', unique('reversal')), ...back, reason: 'bounced' }));
    expect(await ask(w, '0.01')).toBe('LIMIT_EXCEEDED');
    const other = await walletWith(db, '0');
    const plain = transferInput([debit(w, '500'), credit(other, '500')], { settle: 'immediate' });
    await done(openTransfer(db, plain));
  });

  it('counts what is of its kinds alone', async () => {
    const w = await walletWith(db, '1000');
    await putLimit(db, limitOf({ wallet: w }, '100'));
    const other = await walletWith(db, '0');
    const plain = transferInput([debit(w, '500'), credit(other, '500')], { settle: 'immediate' });
    await done(openTransfer(db, plain));
    const parts = [debit(w, '500'), credit(other, '250'), credit(await walletWith(db, '0'), '250')];
    await done(openTransfer(db, transferInput(parts)));
    await putIn(db, w, '100');
    expect(await ask(w, '100')).toBe('done');
  });

  it('begins anew at midnight UTC, wherever its session is', async () => {
    const w = await walletWith(db, '1000');
    await putLimit(db, limitOf({ wallet: w }, '100'));
    await done(withdraw(w, '60'));
    // Fourteen hours before UTC: there a day begins at ten in the morning.
    const client = await db.connect();
    onTestFinished(() => client.release(true));
    await client.query("set timezone to 'Pacific/Kiritimati'");
    const stoodAt = async (time: string) => {
      await owner.query('alter table ledger_entries disable trigger ledger_entries_stay');
      await owner.query(
        `update ledger_entries set created_at = ${time}
          where wallet_id = $1 and operation like 'create:%' and type = 'DEBIT'`,
        [w],
      );
      await owner.query('alter table ledger_entries enable always trigger ledger_entries_stay');
    };
    const midnight = "date_trunc('day', now(), 'UTC')";
    await stoodAt(midnight);
    expect(await ask(w, '41', client)).toBe('LIMIT_EXCEEDED');
    await stoodAt(`${midnight} - interval '1 microsecond'`);
    expect(await ask(w, '100', client)).toBe('done');
  });

  it('waits for a withdrawal of the owner that is being checked against it', async () => {
    const name = unique('owner');
    const [a, b] = [
      await walletWith(db, '1000', 'USD', name),
      await walletWith(db, '1000', 'USD', name),
    ];
    await putLimit(db, limitOf({ owner: name }, '100'));
    const first = await db.connect();
    onTestFinished(() => first.release(true));
    await first.query('begin');
    expect(await ask(a, '60', first)).toBe('done');
    const second = ask(b, '60');
    const late = new Promise((resolve) => setTimeout(resolve, LATE_MS, 'it waits'));
    expect(await Promise.race([second, late])).toBe('it waits');
    await first.query('commit');
    expect(await second).toBe('LIMIT_EXCEEDED');
  });

  it('counts all wallets of an owner in the asset, and the principal without the fee', async () => {
    const owner = unique('owner');
    const [a, b] = [
      await walletWith(db, '500', 'FEE', owner),
      await walletWith(db, '500', 'FEE', owner),
    ];
    const dollars = await walletWith(db, '500', 'USD', owner);
    await putLimit(db, limitOf({ owner }, '100', 'FEE'));
    await done(withdraw(a, '60'));
    expect(await ask(dollars, '400')).toBe('done');
    expect(await ask(b, '41')).toBe('LIMIT_EXCEEDED');
    expect(await ask(b, '40')).toBe('done');
  });

  it('is exact where it is made, changed or deleted later', async () => {
    const w = await walletWith(db, '1000');
    await done(withdraw(w, '60'));
    const limit = limitOf({ wallet: w }, '100.50');
    expect(await putLimit(db, limit)).toEqual({
      created: true,
      limit: { ...limit, owner: null, amount: '100.5' },
    });
    expect(await ask(w, '41')).toBe('LIMIT_EXCEEDED');
    expect(await putLimit(db, { ...limit, amount: '101' })).toMatchObject({ created: false });
    expect(await ask(w, '41')).toBe('done');
    expect((await readLimit(db, limit.id))?.amount).toBe('101');
    expect(await deleteLimit(db, limit.id)).toBe(true);
    expect(await deleteLimit(db, limit.id)).toBe(false);
    expect(await ask(w, '500')).toBe('done');
  });

  it('is refused for what is not there, and listed page by page', async () => {
    const w = await walletWith(db, '0');
    expect(await putLimit(db, limitOf({ wallet: 'nobody' }, '1'))).toMatchObject({
      refusal: { code: 'WALLET_NOT_FOUND' },
    });
    expect(await putLimit(db, limitOf({ owner: 'x' }, '1', 'NONE'))).toMatchObject({
      refusal: { code: 'ASSET_NOT_FOUND' },
    });
    expect(await putLimit(db, limitOf({ wallet: w }, '1', 'FEE'))).toMatchObject({
      refusal: { code: 'ASSET_MISMATCH' },
    });
    const ids: string[] = [];
    for (let cursor: string | null = null, last = false; !last; ) {
      const page = await listLimits(db, { limit: 1, cursor });
      ids.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor;
      last = cursor === null;
    }
    const { rows } = await owner.query('select id from limits order by id');
    expect(ids).toEqual(rows.map(({ id }) => id));
  });

  it('holds against twenty withdrawals at once from two wallets of one owner', async () => {
    const owner = unique('owner');
    const wallets = [
      await walletWith(db, '1000', 'USD', owner),
      await walletWith(db, '1000', 'USD', owner),
    ];
    await putLimit(db, limitOf({ owner }, '100'));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(wallets[index % 2] ?? '', '10')),
    );
    expect(answers.filter((answer) => answer === 'done').length).toBe(10);
    const held = await Promise.all(wallets.map(async (id) => Number((await amounts(db, id))[2])));
    expect(held.reduce((sum, amount) => sum + amount)).toBe(100);
  });
});

/** See migrations 0006 and 0008. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { deleteLimit, putLimit } from '../../src/ledger/limits.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { codeOf, createWorld, done, step, unique, walletWith } from './ledgerWorld.ts';
import { limitOf, withdraw as withdrawBy } from './limited.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

const withdraw = (wallet: string, amount: string) => withdrawBy(db, wallet, amount);
const ask = (wallet: string, amount: string) => codeOf(withdraw(wallet, amount));

/**
 * Makes a limit so long ago that it keeps a total of what its day has taken; the other tests make
 * theirs now, and these count all of the day's legs.
 */
async function keepTotal(limit: ReturnType<typeof limitOf>): Promise<void> {
  await putLimit(db, limit);
  await owner.query(
    `update limits set changed_at = changed_at - interval '301 seconds' where id = $1`,
    [limit.id],
  );
}

async function totalOf({ id }: { id: string }): Promise<string | undefined> {
  const { rows } = await owner.query(
    'select amount_text(held) as held from limit_totals where limit_id = $1',
    [id],
  );
  return rows[0]?.held;
}

const setTotal = ({ id }: { id: string }, change: string) =>
  owner.query(`update limit_totals set ${change} where limit_id = $1`, [id]);

describe('the total that a daily limit keeps', () => {
  it('is believed where it has room, and counted anew where it has none', async () => {
    const w = await walletWith(db, '1000');
    const limit = limitOf({ wallet: w }, '100');
    await keepTotal(limit);
    const first = (await done(withdraw(w, '60'))).group.id;
    expect(await ask(w, '30')).toBe('done');
    expect(await totalOf(limit)).toBe('90');
    expect(await ask(w, '10.01')).toBe('LIMIT_EXCEEDED');
    const back = { reason: 'x', amount: '50', final: false };
    await done(releaseWithdrawal(db, { ...step('release', first), ...back }));
    expect(await ask(w, '10')).toBe('done');
    expect(await totalOf(limit), 'what was given back is not looked for').toBe('100');
    expect(await ask(w, '1')).toBe('done');
    expect(await totalOf(limit), 'all but what was given back').toBe('51');
    await setTotal(limit, 'held = 0');
    expect(await ask(w, '100'), 'the total alone was asked').toBe('done');
  });

  it('counts a step that another fault refused until all is counted anew', async () => {
    const w = await walletWith(db, '50');
    const limit = limitOf({ wallet: w }, '100');
    await keepTotal(limit);
    expect(await ask(w, '10')).toBe('done');
    expect(await ask(w, '80')).toBe('INSUFFICIENT_FUNDS');
    expect(await totalOf(limit)).toBe('90');
    expect(await ask(w, '20')).toBe('done');
    expect(await totalOf(limit)).toBe('30');
  });

  it('is that of its day', async () => {
    const w = await walletWith(db, '1000');
    const limit = limitOf({ wallet: w }, '100');
    await keepTotal(limit);
    expect(await ask(w, '60')).toBe('done');
    await setTotal(limit, "held = 0, day = day - interval '1 day'");
    expect(await ask(w, '41'), 'yesterday has room').toBe('LIMIT_EXCEEDED');
    expect(await ask(w, '40')).toBe('done');
    await setTotal(limit, "held = 0, day = day + interval '1 day'");
    expect(await ask(w, '1'), 'the clock went back').toBe('LIMIT_EXCEEDED');
  });

  it('says nothing of a limit that was made just now or was changed since', async () => {
    const w = await walletWith(db, '1000');
    const limit = limitOf({ wallet: w }, '100');
    await putLimit(db, limit);
    expect(await ask(w, '60')).toBe('done');
    await setTotal(limit, 'held = 0');
    expect(await ask(w, '41'), 'made just now').toBe('LIMIT_EXCEEDED');
    await keepTotal(limit);
    expect(await ask(w, '1')).toBe('done');
    await setTotal(limit, 'held = 0');
    await putLimit(db, { ...limit, amount: '100.5' });
    expect(await ask(w, '40'), 'changed since').toBe('LIMIT_EXCEEDED');
    await keepTotal(limit);
    await setTotal(limit, `held = 0, counted_at = counted_at - interval '1 hour'`);
    expect(await ask(w, '40'), 'counted too early').toBe('LIMIT_EXCEEDED');
    expect(await ask(w, '39')).toBe('done');
    await setTotal(limit, 'held = 0');
    expect(await ask(w, '100'), 'counted anew').toBe('done');
  });

  it('stays that of a limit that is put again as it is', async () => {
    const w = await walletWith(db, '1000');
    const limit = limitOf({ wallet: w }, '100');
    await keepTotal(limit);
    expect(await ask(w, '60')).toBe('done');
    await setTotal(limit, 'held = 0');
    await putLimit(db, { ...limit, amount: '100.0' });
    expect(await ask(w, '100'), 'the total alone was asked').toBe('done');
  });

  it('is all that was held while that fits, which is told by the entries alone', async () => {
    const w = await walletWith(db, '1000');
    const limit = limitOf({ wallet: w }, '100');
    await keepTotal(limit);
    const first = (await done(withdraw(w, '60'))).group.id;
    const back = { ...step('release', first), reason: 'x', amount: null, final: true };
    await done(releaseWithdrawal(db, back));
    await setTotal(limit, 'held = 100');
    expect(await ask(w, '40')).toBe('done');
    expect(await totalOf(limit), 'what was given back was not looked for').toBe('100');
    expect(await ask(w, '60')).toBe('done');
    expect(await totalOf(limit), 'now it was').toBe('100');
    expect(await ask(w, '1')).toBe('LIMIT_EXCEEDED');
  });

  it('decides as the legs do, whatever was held, settled and given back', async () => {
    const name = unique('owner');
    const wallets = [
      await walletWith(db, '100', 'USD', name),
      await walletWith(db, '100', 'USD', name),
    ];
    await keepTotal(limitOf({ owner: name }, '50'));
    let used = 0;
    const open: { id: string; amount: number }[] = [];
    for (let turn = 0; turn < 60; turn += 1) {
      const amount = 1 + ((turn * 7) % 13);
      const wallet = wallets[turn % 2] ?? '';
      const group = turn % 3 === 2 ? open.shift() : undefined;
      if (group) {
        const back = { ...step('release', group.id), reason: 'x', amount: null, final: true };
        await done(releaseWithdrawal(db, back));
        used -= group.amount;
        continue;
      }
      const outcome = await withdraw(wallet, String(amount));
      expect(outcome.outcome, `${amount} beside ${used}, turn ${turn}`).toBe(
        used + amount > 50 ? 'refused' : 'done',
      );
      if (outcome.outcome !== 'done') continue;
      used += amount;
      open.push({ id: outcome.group.id, amount });
    }
  });

  it('goes with its limit', async () => {
    const w = await walletWith(db, '1000');
    const limit = limitOf({ wallet: w }, '100');
    await keepTotal(limit);
    expect(await ask(w, '60')).toBe('done');
    await deleteLimit(db, limit.id);
    expect(await totalOf(limit)).toBeUndefined();
    await keepTotal(limit);
    expect(await ask(w, '41')).toBe('LIMIT_EXCEEDED');
  });

  it('holds against twenty withdrawals at once from two wallets of one owner', async () => {
    const name = unique('owner');
    const wallets = [
      await walletWith(db, '1000', 'USD', name),
      await walletWith(db, '1000', 'USD', name),
    ];
    await keepTotal(limitOf({ owner: name }, '100'));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(wallets[index % 2] ?? '', '10')),
    );
    expect(answers.filter((answer) => answer === 'done').length).toBe(10);
  });
});

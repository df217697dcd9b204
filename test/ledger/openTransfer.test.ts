import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { listGroupEntries } from '../../src/ledger/entries.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
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
  rowsOf,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

describe('openTransfer', () => {
  let db: Pool;
  let owner: Pool;

  beforeAll(async () => {
    ({ db, owner } = await createWorld());
    await addAsset(db, { code: 'EUR', scale: 2 });
  });

  const immediate = (...legs: Parameters<typeof transferInput>[0]) =>
    transferInput(legs, { settle: 'immediate' });

  it('moves all of it at once, in four rows', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const input = immediate(debit(a, '10'), credit(b, '10'));
    const { group, replayed } = await done(openTransfer(db, input));
    expect(replayed).toBe(false);
    expect(group).toMatchObject({ id: input.groupId, kind: 'transfer', status: 'SETTLED' });
    expect(await readGroup(db, input.groupId)).toEqual(group);
    expect(await rowsOf(db, input.groupId)).toEqual([
      'HOLD -10',
      'HOLD 10',
      'SETTLED -10',
      'SETTLED 10',
    ]);
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['0', '0', '0'],
      ['10', '0', '0'],
    ]);
  });

  it('holds until somebody acts: debits in held, credits in pendingIn', async () => {
    const [a, b] = [await walletWith(db, '10.5'), await walletWith(db, '0')];
    const { group } = await done(
      openTransfer(db, transferInput([debit(a, '4.50'), credit(b, '4.5')])),
    );
    expect(group.legs).toEqual([
      {
        leg: 1,
        wallet: a,
        asset: 'USD',
        type: 'DEBIT',
        amount: '4.5',
        settled: '0',
        remaining: '4.5',
      },
      {
        leg: 2,
        wallet: b,
        asset: 'USD',
        type: 'CREDIT',
        amount: '4.5',
        settled: '0',
        remaining: '4.5',
      },
    ]);
    expect(Date.parse(group.expiresAt ?? '') - Date.parse(group.createdAt)).toBe(3_600_000);
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['6', '0', '4.5'],
      ['0', '4.5', '0'],
    ]);
  });

  it('leaves a CANCELLED group and no entries where it is refused, and stays refused', async () => {
    const [a, b] = [await walletWith(db, '1'), await walletWith(db, '0')];
    const input = immediate(debit(a, '1.01'), credit(b, '1.01'));
    const outcome = await openTransfer(db, input);
    expect(outcome).toMatchObject({
      outcome: 'refused',
      frozen: true,
      replayed: false,
      groupStatus: 'CANCELLED',
      refusal: {
        code: 'INSUFFICIENT_FUNDS',
        detail: `Wallet ${a} has 1 USD available; 1.01 is required.`,
      },
      group: { status: 'CANCELLED', reason: 'INSUFFICIENT_FUNDS', legs: [] },
    });
    expect(await rowsOf(db, input.groupId)).toEqual([]);
    const other = await walletWith(db, '5');
    await done(openTransfer(db, immediate(debit(other, '5'), credit(a, '5'))));
    expect(await openTransfer(db, input)).toEqual({ ...outcome, replayed: true });
    expect(await amounts(db, a)).toEqual(['6', '0', '0']);
    const told = 'select array_agg(event) as told from outbox where group_id = $1';
    const { rows } = await owner.query(told, [input.groupId]);
    expect(rows[0].told).toEqual(['group.cancelled']);
  });

  it('refuses legs that do not sum to zero per asset, also one for one of two assets', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const euro = await walletWith(db, '0', 'EUR');
    expect(await openTransfer(db, immediate(debit(a, '5'), credit(b, '4')))).toMatchObject({
      refusal: { code: 'UNBALANCED_GROUP', detail: 'The USD legs sum to -1, not to 0.' },
    });
    const exchange = immediate(debit(a, '5'), credit(euro, '5'));
    expect(await codeOf(openTransfer(db, exchange))).toBe('UNBALANCED_GROUP');
    expect(await codeOf(openTransfer(db, immediate()))).toBe('UNBALANCED_GROUP');
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
  });

  it('moves several assets at once where each sums to zero', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const [c, d] = [await walletWith(db, '7', 'EUR'), await walletWith(db, '0', 'EUR')];
    const legs = [debit(a, '1'), credit(d, '2'), credit(b, '1'), debit(c, '2')];
    await done(openTransfer(db, immediate(...legs)));
    expect(await amounts(db, b)).toEqual(['1', '0', '0']);
    expect(await amounts(db, d)).toEqual(['2', '0', '0']);
  });

  it('takes a wallet that stands on both sides exactly', async () => {
    const a = await walletWith(db, '10');
    const input = immediate(credit(a, '10'), debit(a, '10'));
    await done(openTransfer(db, input));
    const { data } = await listGroupEntries(db, input.groupId, { limit: 10 });
    expect(
      data.map((row) => [row.walletVersion, row.settledAfter, row.heldAfter, row.pendingInAfter]),
    ).toEqual([
      [3, '10', '0', '10'],
      [4, '10', '10', '10'],
      [5, '20', '10', '0'],
      [6, '10', '0', '0'],
    ]);
    expect(await codeOf(openTransfer(db, immediate(credit(a, '11'), debit(a, '11'))))).toBe(
      'INSUFFICIENT_FUNDS',
    );
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
  });

  it('names the first fault in the order existence, state, asset, balance, funds', async () => {
    const [a, b] = [await walletWith(db, '1'), await walletWith(db, '0')];
    const frozen = await walletWith(db, '1');
    await setWalletStatus(db, { id: frozen, status: 'FROZEN', reason: 'test', actor: 'test' });
    const wrong = { ...debit(a, '9'), asset: 'EUR' };
    const ask = (...legs: Parameters<typeof transferInput>[0]) =>
      codeOf(openTransfer(db, immediate(...legs)));
    expect(await ask(wrong, debit(frozen, '9'), credit('nobody', '1'))).toBe('WALLET_NOT_FOUND');
    expect(await ask(wrong, debit(frozen, '9'), credit(b, '1'))).toBe('WALLET_NOT_OPEN');
    expect(await ask(wrong, credit(b, '1'))).toBe('ASSET_MISMATCH');
    expect(await ask(debit(a, '9'), credit(b, '1'))).toBe('UNBALANCED_GROUP');
    expect(await ask(debit(a, '9'), credit(b, '9'))).toBe('INSUFFICIENT_FUNDS');
    // Of two legs that are a pair otherwise, whichever names the asset.
    const other = { ...credit(b, '1'), asset: 'EUR' };
    expect(await ask(debit(a, '1'), other)).toBe('ASSET_MISMATCH');
    expect(await ask({ ...debit(a, '1'), asset: 'EUR' }, credit(b, '1'))).toBe('ASSET_MISMATCH');
  });

  it('lets a frozen wallet receive', async () => {
    const [a, b] = [await walletWith(db, '1'), await walletWith(db, '0')];
    await setWalletStatus(db, { id: b, status: 'FROZEN', reason: 'test', actor: 'test' });
    await done(openTransfer(db, immediate(debit(a, '1'), credit(b, '1'))));
    expect(await amounts(db, b)).toEqual(['1', '0', '0']);
  });

  it('lets a frozen wallet of the system receive, and takes nothing from it', async () => {
    await addAsset(db, { code: 'ICE', scale: 2 });
    const a = await walletWith(db, '2', 'ICE');
    const byAdmin = (...legs: Parameters<typeof transferInput>[0]) =>
      openTransfer(db, { ...immediate(...legs), actor: { name: 'shop', admin: true } });
    const change = { id: 'treasury:ICE', reason: 'test', actor: 'test' };
    await setWalletStatus(db, { ...change, status: 'FROZEN' });
    await done(byAdmin(debit(a, '1'), credit('treasury:ICE', '1')));
    const taken = byAdmin(debit('treasury:ICE', '1'), credit(a, '1'));
    expect(await codeOf(taken)).toBe('WALLET_NOT_OPEN');
    const named = { ...credit('treasury:ICE', '1'), asset: 'USD' };
    expect(await codeOf(byAdmin(debit(a, '1'), named))).toBe('ASSET_MISMATCH');
    const tooFine = byAdmin(debit('external:ICE', '0.001'), credit('treasury:ICE', '0.001'));
    expect(await codeOf(tooFine)).toBe('INVALID_AMOUNT');
    expect(await amounts(db, a)).toEqual(['1', '0', '0']);
  });

  it('keeps system wallets for admins and stores nothing of a stranger who names one', async () => {
    const a = await walletWith(db, '1');
    const input = immediate(debit(a, '1'), credit('fees:USD', '1'));
    expect(await openTransfer(db, input)).toMatchObject({
      refusal: { code: 'FORBIDDEN' },
      frozen: false,
      group: null,
    });
    expect(await readGroup(db, input.groupId)).toBeNull();
    await done(openTransfer(db, { ...input, actor: { name: 'shop', admin: true } }));
    expect(await amounts(db, 'fees:USD')).toEqual(['1', '0', '0']);
  });

  it('stores nothing of an amount with too many decimals', async () => {
    const [a, b] = [await walletWith(db, '1'), await walletWith(db, '0')];
    const input = immediate(debit(a, '0.001'), credit(b, '0.001'));
    expect(await openTransfer(db, input)).toMatchObject({
      refusal: { code: 'INVALID_AMOUNT' },
      frozen: false,
    });
    expect(await readGroup(db, input.groupId)).toBeNull();
  });

  it.each(['NaN', 'Infinity', '-Infinity', '0', '-1'])('books no amount of %s', async (amount) => {
    const [a, b] = [await walletWith(db, '1'), await walletWith(db, '0')];
    const queued = queueSteps(db);
    const from = (payer: string) => [debit(payer, amount), credit(b, amount)];
    for (const legs of [[credit(b, amount)], from(a), from('external:USD')]) {
      for (const settle of ['immediate', 'manual'] as const) {
        const actor = { name: 'admin', admin: true };
        const asked = () => ({ ...transferInput(legs, { settle }), actor });
        const input = asked();
        expect(await codeOf(openTransfer(db, input))).toBe('INVALID_AMOUNT');
        const both = [openTransfer(queued, input), openTransfer(queued, asked())];
        expect(await Promise.all(both.map(codeOf))).toEqual(['INVALID_AMOUNT', 'INVALID_AMOUNT']);
      }
    }
    expect(await amounts(db, a)).toEqual(['1', '0', '0']);
    expect(await amounts(db, b)).toEqual(['0', '0', '0']);
  });

  it('refuses for good what comes after the time by which it was to be accepted', async () => {
    const [a, b] = [await walletWith(db, '1'), await walletWith(db, '0')];
    const input = immediate(debit(a, '1'), credit(b, '1'));
    const late = { ...input, acceptBy: new Date(Date.now() - 1000).toISOString() };
    expect(await codeOf(openTransfer(db, late))).toBe('NOT_ACCEPTED_IN_TIME');
    expect(await codeOf(openTransfer(db, input))).toBe('NOT_ACCEPTED_IN_TIME');
    expect(await amounts(db, a)).toEqual(['1', '0', '0']);
  });

  it('keeps 18 decimals and 38 integer digits', async () => {
    await addAsset(db, { code: 'WEI', scale: 18 });
    const amount = `${'9'.repeat(38)}.${'123456789'.repeat(2)}`;
    const [a, b] = [await walletWith(db, amount, 'WEI'), await walletWith(db, '0', 'WEI')];
    await done(openTransfer(db, immediate(debit(a, amount), credit(b, amount))));
    expect(await amounts(db, b)).toEqual([amount, '0', '0']);
    expect(await amounts(db, 'external:WEI')).toEqual([`-${amount}`, '0', '0']);
  });
});

import { beforeAll, describe, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { confirmDeposit } from '../../src/ledger/confirmDeposit.ts';
import { expire } from '../../src/ledger/expire.ts';
import { extend } from '../../src/ledger/extend.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { markStuck } from '../../src/ledger/markStuck.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { release } from '../../src/ledger/release.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import {
  addAsset,
  amounts,
  codeOf,
  createWorld,
  done,
  rowsOf,
  step,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
  await addAsset(db, { code: 'FEE', scale: 2, withdrawalFee: '1', minWithdrawal: '5' });
  await addAsset(db, { code: 'COIN', scale: 2, chain: 'eip155:31337' });
  const contract = `0x${'22'.repeat(20)}`;
  await addAsset(db, { code: 'TOKEN', scale: 2, chain: 'eip155:31337', contract });
});

function withdrawalInput(wallet: string, amount: string, expiresIn: number | null = null) {
  const key = unique('key');
  return {
    ...step('create', groupId('withdrawal', 'shop', key), key),
    client: 'shop',
    wallet,
    amount,
    destination: 'iban:1',
    feeMode: 'platform' as const,
    maxFee: null,
    riskMeta: null,
    expiresIn,
    metadata: {},
    acceptBy: null,
  };
}
const open = async (wallet: string, amount: string, expiresIn?: number) =>
  (await done(openWithdrawal(db, withdrawalInput(wallet, amount, expiresIn ?? null)))).group.id;
const finalizeInput = (group: string, amount: string | null = null, final = amount === null) => ({
  ...step('finalize', group),
  amount,
  final,
  txid: null,
});
const releaseInput = (group: string, amount: string | null = null, final = amount === null) => ({
  ...step('release', group),
  reason: 'on request',
  amount,
  final,
});

describe('a chainless withdrawal', () => {
  it('is held, then settled when the outside says so', async () => {
    const w = await walletWith(db, '100');
    const { group } = await done(openWithdrawal(db, withdrawalInput(w, '60')));
    expect(group).toMatchObject({
      kind: 'withdrawal',
      status: 'IN_PROGRESS',
      expiresAt: null,
      withdrawal: { state: 'held', destination: 'iban:1', attempts: [], confirmations: 0 },
    });
    expect(await amounts(db, w)).toEqual(['40', '0', '60']);
    const last = await done(finalizeWithdrawal(db, { ...finalizeInput(group.id), txid: 'wire-1' }));
    expect(last.group).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
    expect(await readGroup(db, group.id)).toEqual(last.group);
    expect(await amounts(db, w)).toEqual(['40', '0', '0']);
  });

  it('is given back with a reason, whole or in part', async () => {
    const w = await walletWith(db, '100');
    const group = await open(w, '60');
    await done(releaseWithdrawal(db, releaseInput(group, '20')));
    expect(await amounts(db, w)).toEqual(['60', '0', '40']);
    const last = await done(releaseWithdrawal(db, releaseInput(group)));
    expect(last.group).toMatchObject({
      status: 'RELEASED',
      reason: 'on request',
      withdrawal: { state: 'released' },
    });
    expect(await amounts(db, w)).toEqual(['100', '0', '0']);
  });

  it('holds the fee too, and takes it with the last part', async () => {
    const w = await walletWith(db, '100', 'FEE');
    const feesBefore = await amounts(db, 'fees:FEE');
    const group = await open(w, '60');
    expect(await amounts(db, w)).toEqual(['39', '0', '61']);
    await done(finalizeWithdrawal(db, { ...finalizeInput(group, '25'), txid: 'wire-1' }));
    expect(await amounts(db, w)).toEqual(['39', '0', '36']);
    expect((await done(finalizeWithdrawal(db, finalizeInput(group, '35')))).groupStatus).toBe(
      'SETTLED',
    );
    expect(await amounts(db, w)).toEqual(['39', '0', '0']);
    expect(feesBefore).toEqual(['0', '0', '0']);
    expect(await amounts(db, 'fees:FEE')).toEqual(['1', '0', '0']);
    const { rows } = await db.query('select txid from withdrawals where group_id = $1', [group]);
    expect(rows, 'the last reference that was told').toEqual([{ txid: 'wire-1' }]);
  });

  it('final with a part takes the fee; release gives the fee back', async () => {
    const w = await walletWith(db, '100', 'FEE');
    const first = await open(w, '60');
    const part = await done(finalizeWithdrawal(db, finalizeInput(first, '10', true)));
    expect(part.groupStatus).toBe('SETTLED');
    expect(await amounts(db, w)).toEqual(['89', '0', '0']);
    await done(releaseWithdrawal(db, releaseInput(await open(w, '60'))));
    expect(await amounts(db, w)).toEqual(['89', '0', '0']);
  });

  it('refuses more than that hold has, with other holds intact', async () => {
    const w = await walletWith(db, '100');
    const [first, second] = [await open(w, '60'), await open(w, '40')];
    expect(await codeOf(finalizeWithdrawal(db, finalizeInput(first, '61')))).toBe(
      'AMOUNT_EXCEEDS_HELD',
    );
    expect(await codeOf(releaseWithdrawal(db, releaseInput(second, '41')))).toBe(
      'AMOUNT_EXCEEDS_HELD',
    );
    expect(await amounts(db, w)).toEqual(['0', '0', '100']);
    expect((await rowsOf(db, first)).length).toBe(2);
  });

  it('is refused for want of funds, below the minimum, and when paused', async () => {
    const w = await walletWith(db, '100', 'FEE');
    const ask = (amount: string) => codeOf(openWithdrawal(db, withdrawalInput(w, amount)));
    expect(await ask('100')).toBe('INSUFFICIENT_FUNDS');
    expect(await ask('4.99')).toBe('BELOW_MINIMUM');
    await patchAsset(db, 'FEE', { withdrawalsPaused: true });
    expect(await ask('50')).toBe('ASSET_PAUSED');
    await patchAsset(db, 'FEE', { withdrawalsPaused: false });
    expect(await ask('99')).toBe('done');
    const { rows } = await owner.query(
      "select count(*)::int as n from withdrawals where asset = 'FEE'",
    );
    expect(rows[0].n).toBe(4);
  });

  it('from a wallet of the system is for an admin, and leaves nothing of a stranger', async () => {
    const input = withdrawalInput('fees:USD', '1');
    expect(await openWithdrawal(db, input)).toMatchObject({
      refusal: { code: 'FORBIDDEN' },
      frozen: false,
      group: null,
    });
    await done(openWithdrawal(db, { ...input, actor: { name: 'shop', admin: true } }));
  });

  it('has no customer who pays the network, nor has that of a token', async () => {
    for (const asset of ['USD', 'TOKEN']) {
      const w = await walletWith(db, '0', asset);
      const input = { ...withdrawalInput(w, '1'), destination: `0x${'11'.repeat(20)}` };
      const paid = { feeMode: 'customer' as const, maxFee: '1' };
      expect(await openWithdrawal(db, { ...input, ...paid }), asset).toMatchObject({
        refusal: { code: 'INVALID_REQUEST' },
        frozen: false,
      });
    }
  });

  it('past its deadline is marked stuck and stays held', async () => {
    const w = await walletWith(db, '10');
    const group = await open(w, '10', 0);
    const expiresAt = (await readGroup(db, group))?.expiresAt ?? '';
    const input = { ...step('create', group), stepKey: `~stuck:${expiresAt}`, expiresAt };
    expect(await codeOf(expire(db, { ...input, stepKey: `~expire:${expiresAt}` }))).toBe(
      'WRONG_KIND',
    );
    const { group: marked } = await done(markStuck(db, input));
    expect(marked).toMatchObject({ status: 'IN_PROGRESS', withdrawal: { state: 'stuck' } });
    expect(await amounts(db, w)).toEqual(['0', '0', '10']);
    await done(finalizeWithdrawal(db, finalizeInput(group)));
    expect(await codeOf(markStuck(db, { ...input, stepKey: '~stuck:again' }))).toBe(
      'GROUP_NOT_OPEN',
    );
  });
});

describe('verbs of another kind', () => {
  const generic = (group: string) => [
    settle(db, { ...step('settle', group), legs: null, final: true }),
    release(db, { ...step('release', group), reason: 'x' }),
    cancel(db, { ...step('cancel', group), reason: 'x' }),
    addLegs(db, { ...step('addLegs', group), legs: [] }),
    extend(db, { ...step('extend', group), expiresIn: 60 }),
  ];

  it('refuse a chainless withdrawal as WRONG_KIND', async () => {
    const group = await open(await walletWith(db, '10'), '10');
    for (const act of generic(group)) expect(await codeOf(act)).toBe('WRONG_KIND');
    expect(await codeOf(confirmDeposit(db, finalizeInput(group)))).toBe('WRONG_KIND');
  });

  it('leave a chain withdrawal to its chain, and to nobody once its bytes may be out', async () => {
    // Put in as a chain would: deposits of a chain asset are not a request's to make.
    const w = await walletWith(db, '0', 'COIN');
    await owner.query('update wallet_balances set settled = 10 where wallet_id = $1', [w]);
    const group = await open(w, '10', 0);
    const reversal = () => ({
      ...step('create', unique('reversal')),
      reverses: group,
      client: 'shop',
      amount: null,
      legs: null,
      reason: 'x',
      acceptBy: null,
    });
    for (const act of [...generic(group), reverse(db, reversal())]) {
      expect(await codeOf(act)).toBe('CHAIN_DECIDES');
    }
    expect(await codeOf(finalizeWithdrawal(db, finalizeInput(group)))).toBe('CHAIN_DECIDES');
    await owner.query("update withdrawals set state = 'signing' where group_id = $1", [group]);
    for (const act of [...generic(group), reverse(db, reversal())]) {
      expect(await codeOf(act)).toBe('MAY_BE_ON_CHAIN');
    }
    const expiresAt = (await readGroup(db, group))?.expiresAt ?? '';
    const due = { ...step('create', group), stepKey: `~expire:${expiresAt}`, expiresAt };
    expect(await codeOf(expire(db, due))).toBe('MAY_BE_ON_CHAIN');
    expect(await codeOf(releaseWithdrawal(db, releaseInput(group)))).toBe('MAY_BE_ON_CHAIN');
    expect(await codeOf(finalizeWithdrawal(db, finalizeInput(group)))).toBe('MAY_BE_ON_CHAIN');
    expect(await amounts(db, w)).toEqual(['0', '0', '10']);
    await owner.query("update withdrawals set state = 'awaiting_funds' where group_id = $1", [
      group,
    ]);
    expect((await done(expire(db, due))).group).toMatchObject({
      status: 'CANCELLED',
      reason: 'EXPIRED',
      withdrawal: { state: 'released' },
    });
    expect(await amounts(db, w)).toEqual(['10', '0', '0']);
    expect(await codeOf(releaseWithdrawal(db, releaseInput(group)))).toBe('GROUP_NOT_OPEN');
  });
});

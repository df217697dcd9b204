import { beforeAll, describe, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { Pool } from '../../src/db/pool.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { cancelDeposit } from '../../src/ledger/cancelDeposit.ts';
import { confirmDeposit } from '../../src/ledger/confirmDeposit.ts';
import { expire } from '../../src/ledger/expire.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import {
  addAsset,
  amounts,
  codeOf,
  createWorld,
  done,
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

function depositInput(wallet: string, amount: string, txid: string | null = null) {
  const key = unique('key');
  return {
    ...step('create', groupId('deposit', 'shop', key), key),
    client: 'shop',
    wallet,
    amount,
    txid,
    ordinal: null,
    source: null,
    metadata: {},
    acceptBy: null,
  };
}
const confirmInput = (group: string, amount: string | null = null, final = amount === null) => ({
  ...step('confirm', group),
  amount,
  final,
  txid: null,
});

describe('a chainless deposit', () => {
  it('is pending, then available', async () => {
    const w = await walletWith(db, '0');
    const input = depositInput(w, '100');
    const { group } = await done(openDeposit(db, input));
    expect(group).toMatchObject({ kind: 'deposit', status: 'IN_PROGRESS', expiresAt: null });
    const due = { ...step('create', group.id), expiresAt: '2026-01-01T00:00:00.000000Z' };
    expect(await codeOf(expire(db, { ...due, stepKey: '~expire:never' }))).toBe('WRONG_KIND');
    expect(group.legs.map(({ wallet, type }) => [wallet, type])).toEqual([
      ['external:USD', 'DEBIT'],
      [w, 'CREDIT'],
    ]);
    expect(await amounts(db, w)).toEqual(['0', '100', '0']);
    expect(await codeOf(confirmDeposit(db, confirmInput(group.id, '101')))).toBe(
      'AMOUNT_EXCEEDS_HELD',
    );
    expect((await done(confirmDeposit(db, confirmInput(group.id)))).groupStatus).toBe('SETTLED');
    expect(await amounts(db, w)).toEqual(['100', '0', '0']);
  });

  it('to a wallet of the system is for an admin, and leaves nothing of a stranger', async () => {
    const input = depositInput('fees:USD', '1');
    expect(await openDeposit(db, input)).toMatchObject({
      refusal: { code: 'FORBIDDEN' },
      frozen: false,
      group: null,
    });
    await done(openDeposit(db, { ...input, actor: { name: 'shop', admin: true } }));
  });

  it('is confirmed in part, and what is pending cannot be held', async () => {
    const w = await walletWith(db, '0');
    const { group } = await done(openDeposit(db, depositInput(w, '100')));
    await done(confirmDeposit(db, confirmInput(group.id, '40')));
    expect(await amounts(db, w)).toEqual(['40', '60', '0']);
    const tooMuch = transferInput([{ wallet: w, type: 'DEBIT', amount: '41' }]);

    expect(await codeOf(openTransfer(db, tooMuch))).toBe('INSUFFICIENT_FUNDS');
    const last = await done(confirmDeposit(db, confirmInput(group.id, '10', true)));
    expect(last.groupStatus).toBe('SETTLED');
    expect(await amounts(db, w)).toEqual(['50', '0', '0']);
  });

  it('is cancelled while it is pending', async () => {
    const w = await walletWith(db, '0');
    const { group } = await done(openDeposit(db, depositInput(w, '100')));
    await done(cancelDeposit(db, { ...step('cancel', group.id), reason: 'bounced' }));
    expect(await amounts(db, w)).toEqual(['0', '0', '0']);
    expect(await readGroup(db, group.id)).toMatchObject({ status: 'CANCELLED', reason: 'bounced' });
    expect(await codeOf(confirmDeposit(db, confirmInput(group.id)))).toBe('GROUP_NOT_OPEN');
  });

  it('is refused below the minimum, where the asset is paused, and for no wallet', async () => {
    await addAsset(db, { code: 'MIN', scale: 2, minDeposit: '5' });
    const w = await walletWith(db, '0', 'MIN');
    const small = depositInput(w, '4.99');
    expect(await openDeposit(db, small)).toMatchObject({
      frozen: true,
      refusal: { code: 'BELOW_MINIMUM', detail: 'The least deposit is 5 MIN.' },
    });
    await patchAsset(db, 'MIN', { depositsPaused: true, minDeposit: null });
    expect(await codeOf(openDeposit(db, depositInput(w, '6')))).toBe('ASSET_PAUSED');
    await patchAsset(db, 'MIN', { depositsPaused: false });
    await done(openDeposit(db, depositInput(w, '1')));
    expect(await codeOf(openDeposit(db, small))).toBe('BELOW_MINIMUM');
    expect(await codeOf(openDeposit(db, depositInput('nobody', '1')))).toBe('WALLET_NOT_FOUND');
  });

  it('takes no verb of transfers but reverse', async () => {
    const w = await walletWith(db, '0');
    const { group } = await done(openDeposit(db, depositInput(w, '100')));
    const plain = { ...step('settle', group.id), legs: null, final: true };
    expect(await codeOf(settle(db, plain))).toBe('WRONG_KIND');
    await done(confirmDeposit(db, confirmInput(group.id)));
    const input = {
      ...step('create', unique('reversal')),
      reverses: group.id,
      client: 'shop',
      amount: '30',
      legs: null,
      reason: 'charge-back',
      acceptBy: null,
    };
    await done(reverse(db, input));
    expect(await amounts(db, w)).toEqual(['70', '0', '0']);
  });

  it('of an asset on a chain is for the chain to report', async () => {
    await addAsset(db, { code: 'COIN', scale: 18, chain: 'eip155:31337' });
    const w = await walletWith(db, '0', 'COIN');
    expect(await codeOf(openDeposit(db, depositInput(w, '1')))).toBe('CHAIN_DECIDES');
  });
});

describe('the same outside payment', () => {
  it('is not known by a report that was refused', async () => {
    const closed = await walletWith(db, '0');
    await setWalletStatus(db, { id: closed, status: 'CLOSED', reason: 'left', actor: 'ops' });
    expect(await codeOf(openDeposit(db, depositInput(closed, '5', 'bank-7')))).toBe(
      'WALLET_NOT_OPEN',
    );
    const again = depositInput(await walletWith(db, '0'), '5', 'bank-7');
    expect((await done(openDeposit(db, again))).group.id).toBe(again.groupId);
  });

  it('under another key is the first group, with an answer of its own', async () => {
    const w = await walletWith(db, '0');
    const first = depositInput(w, '100', 'bank-1');
    await done(openDeposit(db, first));
    const again = depositInput(w, '100', 'bank-1');
    const answer = await done(openDeposit(db, again));
    expect(answer).toMatchObject({ replayed: false, group: { id: first.groupId } });
    expect(await readGroup(db, again.groupId)).toBeNull();
    await done(confirmDeposit(db, confirmInput(first.groupId)));
    expect(await openDeposit(db, again)).toEqual({ ...answer, replayed: true });
    expect(await openDeposit(db, { ...again, amount: '99', txid: 'bank-9' })).toMatchObject({
      outcome: 'key_reused',
    });
    expect(await amounts(db, w)).toEqual(['100', '0', '0']);
  });

  it('with another wallet or amount is refused', async () => {
    const [w, other] = [await walletWith(db, '0'), await walletWith(db, '0')];
    await done(openDeposit(db, depositInput(w, '100', 'bank-2')));
    expect(await codeOf(openDeposit(db, depositInput(other, '100', 'bank-2')))).toBe(
      'DEPOSIT_EXISTS',
    );
    expect(await codeOf(openDeposit(db, depositInput(w, '99', 'bank-2')))).toBe('DEPOSIT_EXISTS');
    const elsewhere = { ...depositInput(w, '99', 'bank-2'), source: 'other-bank' };
    await done(openDeposit(db, elsewhere));
    await done(openDeposit(db, { ...depositInput(w, '99', 'bank-2'), ordinal: 1 }));
  });

  it('reported twenty times at once under twenty keys is one credit', async () => {
    const w = await walletWith(db, '0');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => done(openDeposit(db, depositInput(w, '10', 'bank-3')))),
    );
    expect(new Set(answers.map(({ group }) => group.id)).size).toBe(1);
    expect(await amounts(db, w)).toEqual(['0', '10', '0']);
    const [first] = answers;
    expect((await rowsOf(db, first?.group.id ?? '')).length).toBe(2);
  });
});

import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { createApiKey, deleteApiKey, findApiKey, listApiKeys } from '../../src/ledger/apiKeys.ts';
import { createAsset, listAssets, patchAsset, readAsset } from '../../src/ledger/assets.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import {
  createWallet,
  listWallets,
  readWallet,
  setWalletStatus,
} from '../../src/ledger/wallets.ts';
import {
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  hold,
  step,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

describe('assets', () => {
  it('are registered once, with their system wallets', async () => {
    const input = {
      code: 'USDX',
      scale: 6,
      chain: 'eip155:31337',
      contract: '0xAbC',
      minDeposit: '0.10',
    };
    const made = await createAsset(db, input);
    expect(made).toMatchObject({
      created: true,
      asset: {
        code: 'USDX',
        scale: 6,
        chain: 'eip155:31337',
        contract: '0xAbC',
        name: null,
        minDeposit: '0.1',
        withdrawalFee: null,
        final: 'finalized',
        depositsPaused: false,
      },
    });
    expect(await createAsset(db, { ...input, minDeposit: '0.1' })).toEqual({
      ...made,
      created: false,
    });
    const { data } = await listWallets(db, { asset: 'USDX' }, { limit: 50 });
    expect(data.map(({ id }) => id).sort()).toEqual([
      'external:USDX',
      'fees:USDX',
      'shortfall:USDX',
      'treasury:USDX',
      'unattributed:USDX',
    ]);
    const exists = { refusal: { code: 'ASSET_EXISTS' } };
    expect(await createAsset(db, { ...input, scale: 18 })).toMatchObject(exists);
    expect(await createAsset(db, { ...input, code: 'SAME', contract: '0xabc' })).toMatchObject(
      exists,
    );
  });

  it('keep what a patch does not name, and lose what it sets to null', async () => {
    await createAsset(db, { code: 'PATCH', scale: 2, minDeposit: '5', withdrawalFee: '1' });
    await patchAsset(db, 'PATCH', { minDeposit: null, withdrawalsPaused: true, confirmations: 3 });
    expect(await readAsset(db, 'PATCH')).toMatchObject({
      minDeposit: null,
      withdrawalFee: '1',
      withdrawalsPaused: true,
      depositsPaused: false,
      confirmations: 3,
    });
    expect(
      await createAsset(db, { code: 'PATCH', scale: 2, minDeposit: '5', withdrawalFee: '1' }),
    ).toMatchObject({
      created: false,
    });
    expect(await patchAsset(db, 'NONE', {})).toMatchObject({
      refusal: { code: 'ASSET_NOT_FOUND' },
    });
    expect(await readAsset(db, 'NONE')).toBeNull();
    const { data } = await listAssets(db, { limit: 1 });
    expect(data.map(({ code }) => code)).toEqual(['PATCH']);
  });
});

describe('wallets', () => {
  it('are opened with 10 and with none', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['10', '0', '0'],
      ['0', '0', '0'],
    ]);
  });

  it('are opened once under an id, and a read opens none', async () => {
    const input = { id: unique('once'), owner: 'alice', asset: 'USD', metadata: { b: 1, a: [2] } };
    expect(await readWallet(db, input.id)).toBeNull();
    const made = await createWallet(db, input);
    expect(made).toMatchObject({
      created: true,
      wallet: { kind: 'user', status: 'OPEN', version: 0, metadata: { a: [2], b: 1 } },
    });
    expect(await createWallet(db, input)).toEqual({ ...made, created: false });
    expect(await createWallet(db, { ...input, owner: 'bob' })).toMatchObject({
      refusal: { code: 'WALLET_EXISTS' },
    });
    expect(await createWallet(db, { owner: 'alice', asset: 'NONE' })).toMatchObject({
      refusal: { code: 'ASSET_NOT_FOUND' },
    });
    expect(await createWallet(db, { ...input, id: 'fees:NEW' })).toMatchObject({
      refusal: { code: 'INVALID_REQUEST' },
    });
  });

  it('FROZEN: no new debits, but credits and the end of holds', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const group = await hold(db, [debit(a, '4'), credit(b, '4')]);
    const change = { id: a, status: 'FROZEN' as const, reason: 'suspicion', actor: 'ops' };
    expect(await setWalletStatus(db, change)).toMatchObject({ wallet: { status: 'FROZEN' } });
    const more = { ...step('addLegs', group), legs: [debit(a, '1')] };
    expect(await codeOf(addLegs(db, more))).toBe('WALLET_NOT_OPEN');
    await done(openTransfer(db, transferInput([credit(a, '1')])));
    await done(settle(db, { ...step('settle', group), legs: null, final: true }));
    expect(await amounts(db, a)).toEqual(['6', '1', '0']);
    await setWalletStatus(db, { ...change, status: 'OPEN' });
    await done(openTransfer(db, transferInput([debit(a, '1')])));
  });

  it('CLOSED: empty before, nothing after, and for good', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const close = (id: string) =>
      setWalletStatus(db, { id, status: 'CLOSED', reason: 'left', actor: 'ops' });
    expect(await close(a)).toMatchObject({ refusal: { code: 'WALLET_NOT_EMPTY' } });
    expect(await close(b)).toMatchObject({ wallet: { status: 'CLOSED' } });
    expect(await close(b)).toMatchObject({ wallet: { status: 'CLOSED' } });
    expect(await codeOf(openTransfer(db, transferInput([credit(b, '1')])))).toBe('WALLET_NOT_OPEN');
    expect(
      await setWalletStatus(db, { id: b, status: 'OPEN', reason: 'back', actor: 'ops' }),
    ).toMatchObject({ refusal: { code: 'WALLET_NOT_OPEN' } });
    expect(await close('fees:USD')).toMatchObject({ refusal: { code: 'WALLET_NOT_EMPTY' } });
    expect(await close('nobody')).toMatchObject({ refusal: { code: 'WALLET_NOT_FOUND' } });
  });

  it('are listed by owner, asset and kind, page by page, while more are opened', async () => {
    const owner = unique('owner');
    const opened: string[] = [];
    for (let index = 0; index < 5; index++) opened.push(await walletWith(db, '0', 'USD', owner));
    const first = await listWallets(db, { owner, asset: 'USD', kind: 'user' }, { limit: 2 });
    await walletWith(db, '0', 'USD', owner);
    const second = await listWallets(db, { owner }, { limit: 2, cursor: first.nextCursor });
    const third = await listWallets(db, { owner }, { limit: 2, cursor: second.nextCursor });
    const seen = [first, second, third].flatMap(({ data }) => data.map(({ id }) => id));
    expect(seen).toEqual(opened.reverse());
    expect(third.nextCursor).toBeNull();
    await expect(listWallets(db, {}, { limit: 2, cursor: 'nonsense' })).rejects.toThrow(/cursor/);
  });
});

describe('API keys', () => {
  it('are shown once, stored as a hash, found until they are revoked', async () => {
    const made = await createApiKey(db, {
      name: 'Shop',
      client: 'shop',
      scopes: ['read', 'transfer'],
    });
    const { key, ...shown } = made;
    const hash = createHash('sha256').update(key).digest('hex');
    expect(await findApiKey(db, hash)).toEqual(shown);
    expect((await listApiKeys(db, { limit: 10 })).data).toEqual([shown]);
    const { rows } = await db.query('select * from api_keys');
    expect(JSON.stringify(rows)).not.toContain(key);
    expect(await deleteApiKey(db, made.id)).toBe(true);
    expect(await deleteApiKey(db, made.id)).toBe(false);
    expect(await findApiKey(db, hash)).toBeNull();
    expect((await listApiKeys(db, { limit: 10 })).data).toEqual([]);
  });
});

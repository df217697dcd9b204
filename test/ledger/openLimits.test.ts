import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { OpenLimit } from '../../src/contracts/resources.ts';
import type { Db, Pool } from '../../src/db/pool.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { deleteOpenLimit, putOpenLimit } from '../../src/ledger/openLimits.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { addAsset, codeOf, createWorld, step, unique, walletWith } from './ledgerWorld.ts';

let db: Pool;

beforeAll(async () => {
  ({ db } = await createWorld());
});

/** An asset with one limit on it. */
async function limited(changes: Partial<OpenLimit>): Promise<string> {
  const asset = unique('ASSET').toUpperCase();
  await addAsset(db, { code: asset, scale: 2 });
  const none = { owner: null, eachOwner: false, withdrawals: null, amount: null };
  const put = await putOpenLimit(db, { id: asset, asset, ...none, ...changes });
  if ('refusal' in put) throw new Error(put.refusal.detail);
  return asset;
}

/** Far more than a step takes. */
const LATE_MS = 500;

function ask(wallet: string, amount = '1', by: Db = db) {
  const key = unique('key');
  const input = {
    ...step('create', groupId('withdrawal', 'shop', key), key),
    client: 'shop',
    wallet,
    amount,
    destination: 'iban:1',
    feeMode: 'platform' as const,
    maxFee: null,
    riskMeta: null,
    expiresIn: null,
    metadata: {},
    acceptBy: null,
  };
  return { id: input.groupId, told: openWithdrawal(by, input) };
}
const finalize = (id: string, amount: string | null) =>
  finalizeWithdrawal(db, { ...step('finalize', id), amount, final: amount === null, txid: null });
const release = (id: string) => {
  const input = { ...step('release', id), reason: 'x', amount: null, final: true };
  return releaseWithdrawal(db, input);
};

describe('a limit of open withdrawals', () => {
  it('lets so many through and no more, of twenty at the same time', async () => {
    const asset = await limited({ withdrawals: 5 });
    const wallets = await Promise.all(Array.from({ length: 4 }, () => walletWith(db, '50', asset)));
    const asked = Array.from({ length: 20 }, (_, at) => codeOf(ask(wallets[at % 4] ?? '').told));
    const told = await Promise.all(asked);
    expect(told.filter((code) => code === 'done')).toHaveLength(5);
    expect(told.filter((code) => code === 'LIMIT_EXCEEDED')).toHaveLength(15);
  });

  it('waits for one that is being checked against it', async () => {
    const asset = await limited({ withdrawals: 1 });
    const [a, b] = [await walletWith(db, '5', asset), await walletWith(db, '5', asset)];
    const first = await db.connect();
    onTestFinished(() => first.release(true));
    await first.query('begin');
    expect(await codeOf(ask(a, '1', first).told)).toBe('done');
    const second = codeOf(ask(b).told);
    const late = new Promise((resolve) => setTimeout(resolve, LATE_MS, 'it waits'));
    expect(await Promise.race([second, late])).toBe('it waits');
    await first.query('commit');
    expect(await second).toBe('LIMIT_EXCEEDED');
  });

  it('counts what is still held, and nothing of what has ended', async () => {
    const asset = await limited({ amount: '100' });
    const wallet = await walletWith(db, '500', asset);
    const first = ask(wallet, '60');
    expect(await codeOf(first.told)).toBe('done');
    expect(await codeOf(ask(wallet, '40.01').told)).toBe('LIMIT_EXCEEDED');
    await finalize(first.id, '10');
    const second = ask(wallet, '50');
    expect(await codeOf(second.told)).toBe('done');
    expect(await codeOf(ask(wallet, '0.01').told)).toBe('LIMIT_EXCEEDED');
    await finalize(first.id, null);
    await release(second.id);
    expect(await codeOf(ask(wallet, '100').told)).toBe('done');
  });

  it('of an owner counts theirs alone, over all wallets', async () => {
    const asset = await limited({ owner: 'alice', withdrawals: 1 });
    const [one, two] = [
      await walletWith(db, '10', asset, 'alice'),
      await walletWith(db, '10', asset, 'alice'),
    ];
    const other = await walletWith(db, '10', asset, 'bob');
    for (let round = 0; round < 3; round++) expect(await codeOf(ask(other).told)).toBe('done');
    expect(await codeOf(ask(one).told)).toBe('done');
    expect(await codeOf(ask(two).told)).toBe('LIMIT_EXCEEDED');
  });

  it('of each owner counts each for itself', async () => {
    const asset = await limited({ eachOwner: true, withdrawals: 1 });
    for (const owner of ['carl', 'dora']) {
      const wallet = await walletWith(db, '10', asset, owner);
      expect(await codeOf(ask(wallet).told)).toBe('done');
      expect(await codeOf(ask(wallet).told)).toBe('LIMIT_EXCEEDED');
    }
  });

  it('stops nothing where it is gone, or speaks of another asset', async () => {
    const [asset, other] = [await limited({ withdrawals: 0 }), await limited({ withdrawals: 9 })];
    const wallet = await walletWith(db, '10', asset);
    expect(await codeOf(ask(await walletWith(db, '10', other)).told)).toBe('done');
    expect(await codeOf(ask(wallet).told)).toBe('LIMIT_EXCEEDED');
    expect(await deleteOpenLimit(db, asset)).toBe(true);
    expect(await codeOf(ask(wallet).told)).toBe('done');
  });
});

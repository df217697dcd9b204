import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { checkpoint } from '../../src/ledger/checkpoint.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import { snapshot } from '../../src/ledger/snapshot.ts';
import { balanceAt, readWallet } from '../../src/ledger/wallets.ts';
import { areDecided } from '../seals/sealWorld.ts';
import {
  addAsset,
  amounts,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  putIn,
  rowsOf,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

async function clock(): Promise<string> {
  const { rows } = await db.query('select rfc3339(clock_timestamp()) as now');
  return rows[0].now;
}
async function asOf(wallet: string, at: string | null) {
  const answer = await balanceAt(db, wallet, at);
  if ('refusal' in answer) throw new Error(answer.refusal.detail);
  const { available, pendingIn, held, version } = answer.balance;
  return [available, pendingIn, held, version];
}

describe('a balance as of a time', () => {
  it('counts a hold until the row that ends it', async () => {
    const before = await clock();
    const { a, b, group } = await heldPair(db, '10');
    const between = await clock();
    await done(settle(db, { ...step('settle', group), legs: null, final: true }));
    const after = await clock();
    expect(await asOf(a, before)).toEqual(['0', '0', '0', 0]);
    expect([await asOf(a, between), await asOf(b, between)]).toEqual([
      ['0', '0', '10', 3],
      ['0', '10', '0', 1],
    ]);
    expect([await asOf(a, after), await asOf(b, null)]).toEqual([
      ['0', '0', '0', 4],
      ['10', '0', '0', 2],
    ]);
  });

  it('of the future, or of no wallet, is refused', async () => {
    const a = await walletWith(db, '0');
    expect(await balanceAt(db, a, '2999-01-01T00:00:00.000000Z')).toMatchObject({
      refusal: { code: 'INVALID_REQUEST' },
    });
    expect(await balanceAt(db, 'nobody', null)).toMatchObject({
      refusal: { code: 'WALLET_NOT_FOUND' },
    });
  });

  it('waits for the step that is being written, so that a second look agrees', async () => {
    await addAsset(db, { code: 'WAIT', scale: 2 });
    const a = await walletWith(db, '10', 'WAIT');
    const client = await db.connect();
    onTestFinished(() => client.release(true));
    await client.query('begin');
    const input = transferInput([debit(a, '3'), credit('external:WAIT', '3')], {
      settle: 'immediate',
    });
    await done(openTransfer(client, { ...input, actor: { name: 'shop', admin: true } }));
    await sleep(5);
    const at = await clock();
    const [strict, deferred] = [asOf(a, at), asOf('external:WAIT', at)];
    const early = await Promise.race([strict, deferred, sleep(150, 'still waiting')]);
    expect(early).toBe('still waiting');
    await client.query('commit');
    expect(await strict).toEqual(['7', '0', '0', 4]);
    expect(await deferred).toEqual(['-7', '0', '0', 4]);
    expect(await asOf('external:WAIT', at)).toEqual(['-7', '0', '0', 4]);
  });
});

describe('a deferred wallet', () => {
  it('is read exactly while it is written to and folded from all sides', async () => {
    await addAsset(db, { code: 'HOT', scale: 2 });
    const wallets = await Promise.all(Array.from({ length: 4 }, () => walletWith(db, '0', 'HOT')));
    await checkpoint(db);
    let running = true;
    const folding = (async () => {
      let folded = 0;
      while (running) folded += (await checkpoint(db)).folded;
      return folded;
    })();
    const reading = (async () => {
      let newest = 0;
      while (running) {
        const wallet = await readWallet(db, 'external:HOT');
        const { version = 0, balance } = wallet ?? {};
        expect(version).toBeGreaterThanOrEqual(newest);
        newest = version;
        // Each deposit holds 1 and then settles it: two entries for one settled.
        expect(Number(balance?.held) + Math.abs(Number(balance?.settled)) * 2).toBe(version);
      }
    })();
    await Promise.all(
      wallets.map(async (wallet) => {
        for (let index = 0; index < 40; index++) await putIn(db, wallet, '1');
      }),
    );
    running = false;
    await reading;
    let folded = await folding;
    const foldOn = async () => {
      folded += (await checkpoint(db)).folded;
      return folded;
    };
    // What is younger than any transaction that runs on this server, a neighbour's too, waits.
    await expect.poll(foldOn, { timeout: 20_000 }).toBe(320);
    expect(await amounts(db, 'external:HOT')).toEqual(['-160', '0', '0']);
    const { rows } = await owner.query(
      "select settled::text, version::int from wallet_balances where wallet_id = 'external:HOT'",
    );
    expect(rows).toEqual([{ settled: '-160', version: 320 }]);
    expect((await audit(db)).faults).toEqual([]);
  });

  it('does not fold past a step that still runs', async () => {
    await addAsset(db, { code: 'SLOW', scale: 2 });
    const [a, b] = [await walletWith(db, '10', 'SLOW'), await walletWith(db, '0', 'SLOW')];
    const client = await db.connect();
    onTestFinished(() => client.release(true));
    await client.query('begin');
    const slow = transferInput([debit(a, '3'), credit('fees:SLOW', '3')], { settle: 'immediate' });
    await done(openTransfer(client, { ...slow, actor: { name: 'shop', admin: true } }));
    await putIn(db, b, '1');
    await checkpoint(db);
    await client.query('commit');
    expect(await amounts(db, 'fees:SLOW')).toEqual(['3', '0', '0']);
    expect(await amounts(db, 'external:SLOW')).toEqual(['-11', '0', '0']);
    await checkpoint(db);
    expect(await amounts(db, 'fees:SLOW')).toEqual(['3', '0', '0']);
    expect(await amounts(db, 'external:SLOW')).toEqual(['-11', '0', '0']);
  });
});

describe('a snapshot', () => {
  it('changes no balance and no row, and twice the same is nothing', async () => {
    const { a, b, group } = await heldPair(db, '10');
    await done(settle(db, { ...step('settle', group), legs: null, final: true }));
    const at = await clock();
    const before = [await amounts(db, a), await amounts(db, b), await asOf('external:USD', at)];
    const rows = await rowsOf(db, group);
    // What is younger than a neighbour's transaction would be folded by the second one.
    await expect.poll(() => areDecided(db)).toBe(true);
    expect(await snapshot(db)).toBeGreaterThan(0);
    expect(await snapshot(db)).toBe(0);
    expect([await amounts(db, a), await amounts(db, b), await asOf('external:USD', at)]).toEqual(
      before,
    );
    expect(await rowsOf(db, group)).toEqual(rows);
    await done(
      openTransfer(db, transferInput([debit(b, '10'), credit(a, '10')], { settle: 'immediate' })),
    );
    expect(await snapshot(db)).toBe(2);
    expect(await asOf(b, at)).toEqual(['10', '0', '0', 2]);
  });

  it('is safe while groups settle, also for what it speeds up', async () => {
    await addAsset(db, { code: 'SNAP', scale: 2 });
    const wallets = await Promise.all(Array.from({ length: 4 }, () => walletWith(db, '0', 'SNAP')));
    let running = true;
    const snapping = (async () => {
      while (running) await snapshot(db);
    })();
    await Promise.all(
      wallets.map(async (wallet) => {
        for (let index = 0; index < 15; index++) await putIn(db, wallet, '2');
      }),
    );
    running = false;
    await snapping;
    const at = await clock();
    await snapshot(db);
    await putIn(db, wallets[0] ?? '', '5');
    expect(await asOf('external:SNAP', at)).toEqual(['-120', '0', '0', 120]);
    expect(await asOf('external:SNAP', null)).toEqual(['-125', '0', '0', 122]);
    await expect.poll(() => areDecided(db)).toBe(true);
    await snapshot(db);
    expect(await asOf('external:SNAP', at), 'a later one').toEqual(['-120', '0', '0', 120]);
    expect((await audit(db)).faults).toEqual([]);
  });
});

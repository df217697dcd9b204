import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Driver, Result } from './driver.ts';
import { createWallets, done, move, parts, rows, type Scenarios } from './story.ts';

/** What becomes of a hold when its time is over. */
export const deadlines: Scenarios = {
  'at and after the deadline a hold is given back, and nothing settles it': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const { id, expiresAt } = done(await on.hold(move(wallet, other, '10'), { expiresIn: 1 }));
    await sleepUntil(expiresAt, 30);
    const late = await on.settle(id);
    expect(late.outcome).toBe('GROUP_NOT_OPEN');
    expect(late.detail).toContain('EXPIRED');
    expect(await on.group(id)).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
    expect(await parts(on, wallet)).toEqual(['10', '0', '0']);
    expect((await rows(on, id)).slice(2)).toEqual(['CANCELLED CREDIT 10', 'CANCELLED DEBIT -10']);
    expect((await on.extend(id, 60)).outcome).toBe('GROUP_NOT_OPEN');
    expect((await on.addLegs(id, move(wallet, other, '1'))).outcome).toBe('GROUP_NOT_OPEN');
  },

  'a deadline that was moved is the one that counts': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    // A busy machine needs more than a second to come to the extension.
    const first = done(await on.hold(move(wallet, other, '10'), { expiresIn: 3 }));
    const moved = done(await on.extend(first.id, 60));
    expect(Date.parse(moved.expiresAt!)).toBeGreaterThan(Date.parse(first.expiresAt!) + 50_000);
    await sleepUntil(first.expiresAt, 50);
    expect((await on.group(first.id)).status).toBe('IN_PROGRESS');
    expect(done(await on.settle(first.id)).status).toBe('SETTLED');
  },
};

/**
 * Settles holds at about the moment of their deadline, each at its own distance from it; `expire`
 * is what happens there on this level. Each ends either way, and its money is where it says.
 */
export async function settlesRacingDeadlines(
  on: Driver,
  expire: (group: { id: string; expiresAt: string }) => Promise<unknown>,
): Promise<{ settled: number; expired: number }> {
  const distances = [-400, -40, -20, -10, -5, -2, -1, 0, 0, 1, 2, 5, 10, 20, 40, 400];
  const results = await Promise.all(
    distances.map(async (distance): Promise<Result> => {
      const [mine, theirs] = await createWallets(on, ['10', '0']);
      const { id, expiresAt } = done(await on.hold(move(mine, theirs, '10'), { expiresIn: 1 }));
      const [settled] = await Promise.all([
        sleepUntil(expiresAt, distance).then(() => on.settle(id)),
        expire({ id, expiresAt: expiresAt ?? '' }),
      ]);
      const won = settled.outcome === 'done';
      if (!won) expect(settled.outcome).toBe('GROUP_NOT_OPEN');
      const end = await on.group(id);
      expect(end).toMatchObject(
        won ? { status: 'SETTLED', reason: null } : { status: 'CANCELLED', reason: 'EXPIRED' },
      );
      expect(await parts(on, mine)).toEqual([won ? '0' : '10', '0', '0']);
      expect(await parts(on, theirs)).toEqual([won ? '10' : '0', '0', '0']);
      expect(await rows(on, id)).toHaveLength(4);
      return settled;
    }),
  );
  const settled = results.filter(({ outcome }) => outcome === 'done').length;
  return { settled, expired: results.length - settled };
}

/** Until so many milliseconds after a time. */
export function sleepUntil(time: string | null, laterMs: number): Promise<void> {
  return sleep(Math.max(0, Date.parse(time ?? '') + laterMs - Date.now()));
}

import { expect, test } from 'vitest';
import { expire } from '../../src/ledger/expire.ts';
import { deadlines, settlesRacingDeadlines, sleepUntil } from './deadlines.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

const on = onLedger();

test('settle and the deadline at once: one wins', async () => {
  const counts = await settlesRacingDeadlines(on, async ({ id, expiresAt }) => {
    await sleepUntil(expiresAt, 1);
    const step = { groupId: id, stepKey: `~expire:${expiresAt}`, expiresAt };
    return expire(on.db.pool, { ...step, actor: { name: 'saga', admin: false } });
  });
  expect(counts.settled).toBeGreaterThan(0);
  expect(counts.expired).toBeGreaterThan(0);
});

tell(deadlines, on);

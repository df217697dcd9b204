import { expect, test } from 'vitest';
import { expire } from '../../src/ledger/expire.ts';
import { deadlines, settlesRacingDeadlines, sleepUntil } from './deadlines.ts';
import { onLedger } from './ledgerDriver.ts';
import { tell } from './story.ts';

const on = onLedger();
const ROUNDS = 8;

test('settle and the deadline at once: one wins', async () => {
  let [settled, expired] = [0, 0];
  // On a busy machine all of a round may come too late.
  for (let round = 0; round < ROUNDS && (settled === 0 || expired === 0); round += 1) {
    const counts = await settlesRacingDeadlines(on, async ({ id, expiresAt }) => {
      await sleepUntil(expiresAt, 1);
      const step = { groupId: id, stepKey: `~expire:${expiresAt}`, expiresAt };
      return expire(on.db.pool, { ...step, actor: { name: 'saga', admin: false } });
    });
    settled += counts.settled;
    expired += counts.expired;
  }
  expect(settled).toBeGreaterThan(0);
  expect(expired).toBeGreaterThan(0);
});

tell(deadlines, on);

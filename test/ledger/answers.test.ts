import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { extend } from '../../src/ledger/extend.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import {
  createWorld,
  credit,
  debit,
  done,
  putIn,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

/** What needs quoting, and what JSON may not lose. */
const ODD = {
  reference: 'order "7"\\\n\t€ 😀',
  metadata: { 'a "b"': ['\\', null, 1.5, { '': true }], nested: { deep: '\u0001' } },
};
const REASON = 'said "no" \\ twice\n€';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

/** Steps whose answer was written as text that jsonb would write otherwise. */
async function differing(): Promise<string[]> {
  const { rows } = await db.query<{ found: string }>(`
    select o.step_key || ': ' || o.answer as found
      from operations o join transfer_groups g on g.id = o.group_id
      where o.created_at = (select max(created_at) from operations where group_id = g.id)
        and o.status = 'done'
        and o.answer <> done_json(g.status, render_group(g, legs_json(g.id)))::text`);
  return rows.map(({ found }) => found);
}

describe('an answer that is written as text', () => {
  it('is to the letter what jsonb says of the group', async () => {
    const [a, b, c] = [
      await walletWith(db, '100.50'),
      await walletWith(db, '0'),
      await walletWith(db, '0'),
    ];
    const shared = queueSteps(db);
    const two = () => ({ ...transferInput([debit(a, '1.5'), credit(b, '1.50')]), ...ODD });
    const three = transferInput([debit(a, '10'), credit(b, '4'), credit(c, '6')]);

    for (const input of [two(), { ...three, ...ODD }, transferInput([])]) {
      await done(openTransfer(db, input));
      expect(await differing()).toEqual([]);
    }
    const inputs = [two(), two(), { ...two(), settle: 'immediate' as const, expiresIn: null }];
    await Promise.all(inputs.map((input) => done(openTransfer(shared, input))));
    expect(await differing()).toEqual([]);

    const { groupId } = three;
    const part = [
      { leg: 1, amount: '2.5' },
      { leg: 2, amount: '2.50' },
    ];
    await done(settle(db, { ...step('settle', groupId), legs: part, final: false }));
    expect(await differing()).toEqual([]);
    await done(addLegs(db, { ...step('addLegs', groupId), legs: [debit(a, '0.01')] }));
    expect(await differing()).toEqual([]);
    await done(extend(db, { ...step('extend', groupId), expiresIn: 60 }));
    expect(await differing()).toEqual([]);
    await done(cancel(db, { ...step('cancel', groupId), reason: REASON }));
    expect(await differing()).toEqual([]);
  });

  it('is so too of a pair that ends, of a deposit and of a reversal', async () => {
    const [a, b] = [await walletWith(db, '5'), await walletWith(db, '0')];
    await putIn(db, a, '5');
    expect(await differing()).toEqual([]);
    const input = { ...transferInput([debit(a, '5'), credit(b, '5')]), ...ODD };
    const { groupId } = input;
    await done(openTransfer(db, input));
    await done(settle(db, { ...step('settle', groupId), legs: null, final: true }));
    expect(await differing()).toEqual([]);
    const whole = { reverses: groupId, amount: null, legs: null, reason: REASON };
    await done(reverse(db, { ...transferInput([]), ...whole }));
    expect(await differing()).toEqual([]);
    const kept = { ...transferInput([debit(a, '5'), credit(b, '5')]), ...ODD };
    await done(openTransfer(db, kept));
    await done(cancel(db, { ...step('cancel', kept.groupId), reason: REASON }));
    expect(await differing()).toEqual([]);
    const { rows } = await db.query('select from operations where answer like $1', ['%😀%']);
    expect(rows.length).toBeGreaterThan(4);
  });
});

/** Raw SQL behind the ledger's back: what an audit and a reconciliation of the books tell of it. */
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { reconcile } from '../../src/ledger/reconcile.ts';
import { settle } from '../../src/ledger/settle.ts';
import {
  addAsset,
  createWorld,
  debit,
  done,
  heldPair,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

/** A change of rows, and what is told of it: the subject, words of the detail, the books. */
type Change = [sql: string, subject: string, detail: string, books?: object];

/** Of a group that holds 10 from `a` for `b`, and one that is settled. */
function changesOf({
  a,
  b,
  group,
  settled,
}: Record<'a' | 'b' | 'group' | 'settled', string>): Change[] {
  const hold = `group_id = '${group}' and leg = 1`;
  const finished = "status = 'SETTLED', finished_at = now()";
  const entry = `update ledger_entries set`;
  const balance = `update wallet_balances set`;
  const usd = (figures: object) => ({ assets: [{ asset: 'USD', ...figures }] });
  return [
    [`${entry} wallet_version = 4 where ${hold}`, a, 'is version 4 with'],
    [`${entry} settled_after = 9 where ${hold}`, a, 'is version 3 with 9/10/0 after it'],
    [`${entry} held_after = 9 where ${hold}`, a, 'is version 3 with 10/9/0 after it'],
    [`${entry} pending_in_after = 9 where ${hold}`, a, 'is version 3 with 10/10/9 after it'],
    [`${entry} created_at = created_at - interval '1 day' where ${hold}`, a, 'is version 3 with'],
    [`${balance} settled = 15 where wallet_id = '${a}'`, a, 'balance 15/10/0', usd({ drift: '5' })],
    [`${balance} held = 0 where wallet_id = '${a}'`, a, 'balance 10/0/0', usd({ drift: '10' })],
    [
      `${balance} pending_in = 3 where wallet_id = '${a}'`,
      a,
      'balance 10/10/3',
      usd({ drift: '3' }),
    ],
    [`${balance} version = 4 where wallet_id = '${a}'`, a, 'balance 10/10/0 at version 4'],
    [`${balance} scale = 3 where wallet_id = '${a}'`, a, 'do not agree'],
    [`delete from wallet_balances where wallet_id = '${a}'`, a, 'on a wallet that is not there'],
    [`delete from wallet_balances where wallet_id = '${a}'`, a, 'do not agree'],
    [
      `update transfer_legs set remaining = 9 where ${hold}`,
      group,
      'leg 1: 0 settled, 9 remaining',
    ],
    [`${entry} type = 'CREDIT' where ${hold}`, group, 'does not fit leg 1'],
    [
      `${entry} amount = 9 where group_id = '${settled}' and leg = 2 and status = 'SETTLED'`,
      settled,
      'SETTLED entries sum to -1 USD',
      { groups: { unbalanced: 1 } },
    ],
    [
      `with pays as (${entry} status = 'SETTLED' where group_id = '${group}' and leg = 2)
        ${balance} settled = 10, pending_in = 0 where wallet_id = '${b}'`,
      group,
      'SETTLED entries sum to 10 USD',
      { ...usd({ settledSum: '10' }), groups: { unbalanced: 0 } },
    ],
    [
      `update transfer_groups set ${finished} where id = '${group}'`,
      group,
      'the group is SETTLED and leg 1 still holds 10',
      { groups: { unbalanced: 1 } },
    ],
    [`update transfer_groups set finished_at = now() where id = '${group}'`, group, 'without time'],
    [`delete from transfer_groups where id = '${group}'`, group, 'leg 1 belongs to no group'],
    [`update transfer_legs set reversed = 1 where group_id = '${settled}'`, settled, '1 reversed'],
    [`${entry} operation = 'x' where ${hold}`, group, 'names operation x'],
    [
      `update operations set status = 'refused' where group_id = '${group}'`,
      group,
      'names operation',
    ],
  ];
}

describe('audit and reconciliation', () => {
  it('balance, and tell one-sided holds from faults', async () => {
    await addAsset(db, { code: 'OPEN', scale: 2 });
    const a = await walletWith(db, '10', 'OPEN');
    await done(openTransfer(db, transferInput([debit(a, '4')])));
    const books = await reconcile(db);
    expect(books.balanced).toBe(true);
    expect(books.groups.unbalanced).toBe(0);
    expect(books.assets.find(({ asset }) => asset === 'OPEN')).toEqual({
      asset: 'OPEN',
      settledSum: '0',
      holdSum: '-4',
      drift: '0',
    });
    expect(await audit(db)).toMatchObject({ ok: true, faults: [] });
  });

  it('name what was changed behind the ledger’s back', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const { group: settled } = await heldPair(db, '10');
    await done(settle(db, { ...step('settle', settled), legs: null, final: true }));
    const client = await owner.connect();
    onTestFinished(() => client.release(true));
    const tables = ['ledger_entries', 'wallet_balances', 'transfer_groups', 'transfer_legs'];
    for (const [change, subject, detail, books] of changesOf({ a, b, group, settled })) {
      await client.query('begin');
      for (const table of [...tables, 'operations']) {
        await client.query(`alter table ${table} disable trigger all`);
      }
      await client.query(change);
      const { ok, faults } = await audit(client);
      const told = { subject, detail: expect.stringContaining(detail) };
      expect([ok, faults], change).toEqual([
        false,
        expect.arrayContaining([expect.objectContaining(told)]),
      ]);
      if (books) {
        const found = await reconcile(client);
        const assets = found.assets.filter(({ asset }) => asset === 'USD');
        expect({ ...found, assets }, change).toMatchObject({ balanced: false, ...books });
      }
      await client.query('rollback');
    }
    expect(await audit(db)).toMatchObject({ ok: true });
  });
});

/**
 * Random transactions that write entries at the same time, some of which are taken back, and seals
 * made at any moment between: in the end each entry is in one seal, and all can be made again.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Seal, sealHash } from '../../src/seals/canonical.ts';
import { readSeals } from '../../src/seals/readRows.ts';
import { patience, tryForAWhile } from '../support/property.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { countEntries, faultsOf, sealUntil } from './sealWorld.ts';

const WRITERS = 4;

let db: TestDatabase;
let writers: Awaited<ReturnType<typeof openWriter>>[];
beforeAll(async () => {
  db = await createTestDatabase();
  writers = await Promise.all(Array.from({ length: WRITERS }, openWriter));
});
afterAll(() => {
  for (const { client } of writers) client.release(true);
});

async function openWriter() {
  return { client: await db.owner.connect(), isOpen: false };
}

/**
 * What a writer does next, in its transaction, which begins by itself. `seal` is nobody's;
 * `overtake` is the case that matters and that chance brings about too rarely.
 */
const act = fc.record({
  writer: fc.nat({ max: WRITERS - 1 }),
  what: fc.oneof(
    { weight: 2, arbitrary: fc.constant('number' as const) },
    { weight: 6, arbitrary: fc.constant('write' as const) },
    { weight: 2, arbitrary: fc.constant('take back a part' as const) },
    { weight: 4, arbitrary: fc.constant('commit' as const) },
    { weight: 2, arbitrary: fc.constant('roll back' as const) },
    { weight: 6, arbitrary: fc.constant('seal' as const) },
    { weight: 2, arbitrary: fc.constant('overtake' as const) },
  ),
  ids: fc.integer({ min: 1, max: 8 }),
});

let groups = 0;

/** So many entries of a new group. */
function write(count: number): string {
  const group = `group-${++groups}`;
  return `insert into transfer_groups (id, kind, status, client, created_at, opened_by)
      values ('${group}', 'transfer', 'IN_PROGRESS', 'x', clock_timestamp(), 'x');
    insert into ledger_entries
        (group_id, leg, wallet_id, asset, type, status, amount, operation, created_at)
      select '${group}', n, 'w', 'USD', 'CREDIT', 'HOLD', 1, 'x', clock_timestamp()
      from generate_series(1, ${count}) n`;
}

async function perform({ writer, what, ids }: { writer: number; what: string; ids: number }) {
  const one = writers[writer]!;
  if (what === 'seal') return void (await db.owner.query('select ledger_seal($1)', [ids]));
  if (what === 'overtake') return overtake(writer, ids);
  if (!one.isOpen) await one.client.query('begin');
  one.isOpen = what !== 'commit' && what !== 'roll back';
  const sql = {
    number: 'select pg_current_xact_id()',
    write: write(ids),
    'take back a part': `savepoint a; ${write(ids)}; rollback to a; ${write(1)}`,
    commit: 'commit',
    'roll back': 'rollback',
  }[what];
  await one.client.query(sql ?? '');
}

/**
 * A writer leaves ids behind that others pass, whose seals are made, one after the other, while it
 * is still open. They can be, since theirs is the older transaction.
 */
async function overtake(writer: number, ids: number): Promise<void> {
  for (const [each] of writers.entries()) await perform({ writer: each, what: 'commit', ids });
  const other = (writer + 1) % WRITERS;
  await perform({ writer: other, what: 'number', ids });
  await perform({ writer, what: 'write', ids });
  await perform({ writer: other, what: 'write', ids: 8 });
  await perform({ writer: other, what: 'commit', ids });
  for (let seal = 0; seal < ids; seal += 1) await perform({ writer, what: 'seal', ids: 2 });
}

/** By the rule in words: the first seal whose reach and horizon are above it. */
function expectEachOnce(seals: Seal[], rows: { id: string; xid: string }[]) {
  const counts = new Map<bigint, number>();
  for (const { id, xid } of rows) {
    const seal = seals.find(({ uptoId, below }) => BigInt(id) <= uptoId && BigInt(xid) < below);
    expect(seal, `entry ${id} is in no seal`).toBeDefined();
    counts.set(seal!.number, (counts.get(seal!.number) ?? 0) + 1);
  }
  for (const seal of seals) {
    expect([seal.number, seal.entries]).toEqual([seal.number, counts.get(seal.number)]);
    expect(seal.hash).toBe(sealHash(seal));
  }
}

test(
  'each entry comes into one seal, however transactions lie across each other',
  patience,
  async () => {
    const acts = fc.noBias(fc.array(act, { minLength: 10, maxLength: 80, size: 'max' }));
    const property = fc.asyncProperty(acts, async (all) => {
      for (const each of all) await perform(each);
      for (const [writer] of writers.entries()) {
        await perform({ writer, what: writer % 2 ? 'commit' : 'roll back', ids: 1 });
      }
      await sealUntil(db.pool);
      const { rows } = await db.owner.query('select id::text, xid::text from ledger_entries');
      const seals: Seal[] = [];
      for await (const seal of readSeals(db.pool)) seals.push(seal);
      expectEachOnce(seals, rows);
      expect(seals.at(-1)?.total ?? 0n).toBe(BigInt(await countEntries(db.pool)));
      expect(await faultsOf(db.pool)).toEqual([]);
    });
    await tryForAWhile(property);
  },
);

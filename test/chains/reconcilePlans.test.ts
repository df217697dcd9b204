/**
 * What the books of a reconciliation say is what all deposits and payments that ever were come to,
 * and nobody reads all of these for it.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { readChainBooks } from '../../src/chains/reconcileBooks.ts';
import type { Pool } from '../../src/db/pool.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { createWorld } from '../ledger/ledgerWorld.ts';
import { withPlanWatch } from '../support/planWatch.ts';
import { patience, tryForAWhile } from '../support/property.ts';

const CHAIN = 'eip155:1';
const HOT = '0xhot';
const ADDRESSES = ['0xa', '0xb', '0xc'];
const HEIGHTS = [0, 3, 5, 9];
/** Of everything that has ended; wallets, addresses and assets of this file are fewer than that. */
const [MANY, FEW] = [3_000, 50];

/** What grew with their square took 15 s of these, and what grows with them a few tenths. */
const ADDRESSES_OF_A_LARGE_HOUSE = 30_000;
const MOMENTS_MS = 5_000;

let owner: Pool;
let db: Pool;

beforeAll(async () => {
  const world = await createWorld();
  ({ owner, db } = world);
  await owner.query(
    `insert into chains (id, genesis_hash, cursor_height, cursor_hash, finalized_height)
     values ($1, '0x1', 9, '0x9', 9)`,
    [CHAIN],
  );
  await createAsset(db, { code: 'ETH', scale: 18, chain: CHAIN });
  await createAsset(db, { code: 'USDX', scale: 6, chain: CHAIN, contract: '0xusdx' });
  await owner.query(`
    insert into chain_blocks (chain, height, hash, parent_hash, canonical)
      values ('${CHAIN}', 9, '0x9', '0x8', true);
    insert into hot_addresses (chain, address) values ('${CHAIN}', '${HOT}');`);
  await owner.query(readFileSync(new URL('./wholeHistory.sql', import.meta.url), 'utf8'));
  await bySuperuser(
    `insert into deposit_addresses (family, address, owner, wallet_id, further, path)
     select 'eip155', a, a, a, 0, a from unnest($1::text[]) a`,
    [ADDRESSES],
  );
});

/** Past the rules of the tables: histories are made that nobody lived through. */
async function bySuperuser(sql: string, values: unknown[] = []): Promise<void> {
  const session = await owner.connect();
  try {
    await session.query('set session_replication_role = replica');
    await session.query(sql, values);
  } finally {
    session.release(true);
  }
}

const height = fc.integer({ min: 1, max: 9 });
const asset = fc.constantFrom('ETH', 'USDX');
const amount = fc.integer({ min: 1, max: 9 }).map(String);
const deposit = fc.record({
  /** Events with the same number are one that was included twice. */
  event: fc.integer({ min: 1, max: 6 }),
  asset,
  amount,
  address: fc.constantFrom(...ADDRESSES, HOT, '0xforeign'),
  height,
  canonical: fc.boolean(),
  credited: fc.boolean(),
});
const payment = fc.record({
  kind: fc.constantFrom('withdrawal', 'collect', 'top_up'),
  asset,
  address: fc.constantFrom(...ADDRESSES),
  ended: fc.boolean(),
  attempts: fc.array(
    fc.record({ amount, fee: amount, height, canonical: fc.boolean(), booked: fc.boolean() }),
    { maxLength: 3 },
  ),
});

type Deposit = typeof deposit extends fc.Arbitrary<infer D> ? D : never;
type Payment = typeof payment extends fc.Arbitrary<infer P> ? P : never;

async function forget(): Promise<void> {
  await bySuperuser(`delete from deposit_address_balances; delete from deposit_address_totals;
    delete from attempt_inclusions; delete from withdrawal_attempts; delete from collections;
    delete from withdrawals; delete from chain_inclusions; delete from transfer_groups`);
}

/** What the triggers keep, from the audit's own view. */
const KEEP = `insert into deposit_address_balances (asset, address, amount)
  select m.asset, m.address, sum(m.amount) from deposit_address_moves m group by 1, 2`;

async function insertDeposits(deposits: Deposit[]): Promise<void> {
  const [canonical, credited] = [new Set<number>(), new Set<number>()];
  for (const [no, one] of deposits.entries()) {
    // Of one event one inclusion is canonical, and one is credited.
    const isCanonical = one.canonical && !canonical.has(one.event);
    const isCredited = one.credited && !credited.has(one.event);
    if (isCanonical) canonical.add(one.event);
    if (isCredited) credited.add(one.event);
    await bySuperuser(
      `insert into chain_inclusions (chain, txid, ordinal, inclusion_no, group_id, asset, amount,
          from_address, to_address, block_hash, block_height, canonical, credited_at)
        values ($1, $2, '0', $3::integer, 'd:' || $3::text, $4, $5, '0x1', $6, '0x1', $7, $8,
          case when $9 then clock_timestamp() end)`,
      [
        CHAIN,
        `0x${one.event}`,
        no,
        one.asset,
        one.amount,
        one.address,
        one.height,
        isCanonical,
        isCredited,
      ],
    );
  }
}

async function insertPayment(no: number, one: Payment): Promise<void> {
  const kind = one.kind === 'withdrawal' ? 'withdrawal' : 'collection';
  const status = one.ended ? 'SETTLED' : 'IN_PROGRESS';
  const [from, to] = one.kind === 'collect' ? [one.address, HOT] : [HOT, one.address];
  await bySuperuser(
    `with made as (
        insert into transfer_groups (id, kind, status, client, created_at, finished_at, opened_by)
          values ('p:' || $1::text, $2::group_kind, $3::group_status, 'x', clock_timestamp(),
            case when $3 <> 'IN_PROGRESS' then clock_timestamp() end, 'x') returning id
      ), paid as (
        insert into withdrawals (group_id, wallet_id, asset, chain, destination, amount, fee_mode,
            state)
          select id, 'w', $4, $5, $7, 1, 'platform', 'settled' from made
      )
      insert into collections (group_id, purpose, chain, address, asset, number)
        select id, $6, $5, $8, $4, $1::integer from made where $6 <> 'withdrawal'`,
    [no, kind, status, one.asset, CHAIN, one.kind, to, one.address],
  );
  for (const [
    at,
    { amount: units, fee, height: block, canonical, booked },
  ] of one.attempts.entries())
    await bySuperuser(
      `with attempt as (
          insert into withdrawal_attempts (group_id, attempt_no, kind, chain, sender, nonce,
              destination, terms, max_fee, bytes, txid, outcome)
            values ('p:' || $1::text, $2::integer, 'payment', $3, $4, $1::bigint, $5, '{}', 1, '0x',
              concat_ws('-', 'p', $1::text, $2::text),
              'broadcast') returning id
        )
        insert into attempt_inclusions (attempt_id, block_hash, block_height, paid, moved, received,
            fee, fee_leg, canonical)
          select id, '0x1', $6, true, case when $7 then 0 else $8::numeric end,
              case when $7 then $8::numeric else 0 end, $9, case when $10 then 1 end, $11
            from attempt`,
      [no, at, CHAIN, from, to, block, kind === 'collection', units, fee, booked, canonical],
    );
}

it(
  'of whatever history',
  async () => {
    const history = fc.record({
      deposits: fc.array(deposit, { maxLength: 12 }),
      payments: fc.array(payment, { maxLength: 6 }),
    });
    const agrees = fc.asyncProperty(history, async ({ deposits, payments }) => {
      await forget();
      await insertDeposits(deposits);
      for (const [no, one] of payments.entries()) await insertPayment(no + 1, one);
      await bySuperuser(KEEP);
      for (const at of HEIGHTS) {
        for (const code of ['ETH', 'USDX']) {
          for (const [part, columns] of [
            ['terms', 'term, sum(amount)::text'],
            ['known_coins', 'address, sum(amount)::text'],
          ]) {
            const of = async (prefix: string) => {
              const { rows } = await owner.query(
                `select ${columns} from ${prefix}_${part}($1, $2, $3) group by 1 order by 1`,
                [CHAIN, code, at],
              );
              return rows;
            };
            expect(await of('chain'), `${part} of ${code} at ${at}`).toEqual(await of('whole'));
          }
        }
      }
    });
    await tryForAWhile(agrees);
  },
  patience.timeout,
);

it('by what is under way, however much has ended', async () => {
  await forget();
  const groups = `(select 'o:' || n as id, n from generate_series(1, ${MANY}) n) g`;
  await bySuperuser(`
    insert into chain_inclusions (chain, txid, ordinal, inclusion_no, group_id, asset, amount,
        from_address, to_address, block_hash, block_height, credited_at)
      select '${CHAIN}', g.id, '0', 1, g.id, 'ETH', 1, '0x1', '0xa', '0x1', 1, clock_timestamp()
        from ${groups};
    insert into transfer_groups (id, kind, status, client, created_at, finished_at, opened_by)
      select g.id, 'withdrawal', 'SETTLED', 'x', clock_timestamp(), clock_timestamp(), 'x'
        from ${groups};
    insert into withdrawals (group_id, wallet_id, asset, chain, destination, amount, fee_mode,
        state)
      select g.id, 'w', 'ETH', '${CHAIN}', '0x1', 1, 'platform', 'settled' from ${groups};
    insert into withdrawal_attempts (group_id, attempt_no, kind, chain, sender, nonce, destination,
        terms, max_fee, bytes, txid, outcome)
      select g.id, 1, 'payment', '${CHAIN}', '${HOT}', g.n, '0x1', '{}', 1, '0x', g.id, 'broadcast'
        from ${groups};
    insert into attempt_inclusions (attempt_id, block_hash, block_height, paid, moved, fee, fee_leg)
      select p.id, '0x1', 1, true, 1, 0.1, 1 from withdrawal_attempts p;
    ${KEEP};
    analyze`);
  await withPlanWatch(owner, async (watch) => {
    const books = await readChainBooks(watch.session, CHAIN);
    expect(books?.assets[0]?.known).toEqual({ '0xa': String(MANY) });
    expect(watch.statements).toBeGreaterThan(0);
    expect(watch.most).toBeLessThanOrEqual(FEW);
  });
});

it('of many addresses in moments', async () => {
  await forget();
  const addresses = `(select '0x' || lpad(to_hex(n), 40, '0') as id, n
    from generate_series(1, ${ADDRESSES_OF_A_LARGE_HOUSE}) n) a`;
  await bySuperuser(`
    insert into deposit_addresses (family, address, owner, wallet_id, further, path)
      select 'eip155', a.id, a.id, a.id, 0, a.id from ${addresses};
    insert into deposit_address_balances (asset, address, amount)
      select 'ETH', a.id, 1 from ${addresses}`);
  const begun = performance.now();
  const books = await readChainBooks(db, CHAIN);
  const took = performance.now() - begun;
  const known = books?.assets.find(({ asset: code }) => code === 'ETH')?.known ?? {};
  expect(Object.keys(known)).toHaveLength(ADDRESSES_OF_A_LARGE_HOUSE);
  expect(took).toBeLessThan(MOMENTS_MS);
});

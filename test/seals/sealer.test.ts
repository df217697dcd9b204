import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { beforeEach, expect, it } from 'vitest';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { startSealer } from '../../src/seals/sealer.ts';
import { observeSeals } from '../../src/seals/sealMetrics.ts';
import { readSealsState } from '../../src/seals/sealTables.ts';
import { createWorld } from '../ledger/ledgerWorld.ts';
import type { TestDatabase } from '../support/testDatabase.ts';
import { countEntries, faultsOf, pay, tamper } from './sealWorld.ts';

let world: TestDatabase;
let db: Pool;
beforeEach(async () => {
  world = await createWorld();
  db = world.pool;
});

/** A sealer in a hurry, and what it logged. */
function start(everyMs = 20) {
  const lines: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) });
  return { lines, sealer: startSealer({ db, log, everyMs }) };
}

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it was never so');
    await sleep(20);
  }
}

it('seals by itself what is written, and logs each head', async () => {
  await pay(db);
  const { lines, sealer } = start();
  const isSealed = async () => (await readSealsState(db)).entries === (await countEntries(db));
  await until(isSealed);
  await pay(db);
  await until(isSealed);
  await sealer.stop();
  const { number, hash } = await readSealsState(db);
  expect(lines.at(-1)).toMatchObject({ seal: number, hash, msg: 'Sealed entries' });
  expect(await faultsOf(db)).toEqual([]);
});

it('goes on at once while there is more than one seal takes', async () => {
  const bulk = `insert into transfer_groups (id, kind, status, client, created_at, opened_by)
      values ('bulk', 'transfer', 'IN_PROGRESS', 'x', clock_timestamp(), 'x');
    insert into ledger_entries
        (group_id, leg, wallet_id, asset, type, status, amount, operation, created_at)
      select 'bulk', n, 'w', 'USD', 'CREDIT', 'HOLD', 1, 'x', clock_timestamp()
      from generate_series(1, 25000) n`;
  await world.owner.query(bulk);
  // Other tests' transactions hold up what may be sealed, and this one looks once.
  await until(async () => {
    const { rows } = await db.query<{ decided: boolean }>(
      `select pg_snapshot_xmin(pg_current_snapshot()) > xid as decided
       from ledger_entries order by id desc limit 1`,
    );
    return rows[0]?.decided === true;
  });
  const { sealer, lines } = start(3_000_000);
  await until(async () => (await readSealsState(db)).entries === 25_000);
  await sealer.stop();
  expect(lines.map(({ entries }) => entries)).toEqual([10_000, 10_000, 5_000]);
  expect(await faultsOf(db)).toEqual([]);
});

it('raises an alert where nothing can be sealed any more, with what is to be done', async () => {
  await pay(db);
  const { lines, sealer } = start();
  await until(() => lines.length > 0);
  await tamper(world.owner, 'seals', `update seals set next_xid = '9000000000'`);
  await until(() => lines.some(({ alert }) => alert === 'SEALS_STOPPED'));
  await sealer.stop();
  expect(lines.find(({ alert }) => alert)).toMatchObject({
    level: 50,
    reason: expect.stringMatching(/the books know of some up to 9000000000/),
    hint: expect.stringMatching(/pg_resetwal --epoch=3/),
  });
});

it('exports how far it is, and what waits', async () => {
  const registry = new Registry();
  observeSeals(registry, db);
  const figures = async () => {
    const text = await registry.metrics();
    const all = [...text.matchAll(/^holdfast_seals_(\w+) (\S+)$/gm)];
    return Object.fromEntries(all.map(([, name, value]) => [name, Number(value)]));
  };
  await pay(db);
  const before = await figures();
  expect(before).toMatchObject({ number: 0, entries: 0, entries_waiting: 8 });
  expect(before.oldest_seconds).toBeGreaterThan(0);
  const client = await db.connect();
  await client.query('begin; select pg_current_xact_id()');
  await pay(db);
  expect((await figures()).open_transactions).toBeGreaterThan(0);
  await client.query('commit');
  client.release();
  const { sealer } = start();
  await until(async () => (await readSealsState(db)).entries === 16);
  await sealer.stop();
  expect(await figures()).toMatchObject({ entries: 16, entries_waiting: 0, oldest_seconds: 0 });
});

it('can be read, and not written, over a connection that only reads', async () => {
  await pay(db);
  const { lines, sealer } = start();
  await until(() => lines.length > 0);
  await sealer.stop();
  const reader = createPool({
    databaseUrl: world.url,
    size: 1,
    applicationName: 'test',
    readOnly: true,
  });
  expect(await faultsOf(reader)).toEqual([]);
  expect((await readSealsState(reader)).number).toBeGreaterThan(0);
  await expect(pay(reader)).rejects.toMatchObject({ code: '25006' });
  await reader.end();
});

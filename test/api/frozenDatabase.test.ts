/** A database that is there and says nothing, as one that is frozen or cut off does. */
import { connect, createServer, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { observeOverdueGroups } from '../../src/observability/overdueMetrics.ts';
import { patientDb } from '../../src/observability/patientDb.ts';
import { observePayoutRuns } from '../../src/observability/payoutMetrics.ts';
import { observeSeals } from '../../src/seals/sealMetrics.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const PATIENCE_MS = 500;
/** Those that a scrape asks the database for. */
const GAUGES = 6;

/** Stands before a real Postgres, and keeps what both say to itself while it is frozen. */
async function freezer(url: URL) {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const postgres = connect(Number(url.port), url.hostname);
    client.pipe(postgres).pipe(client);
    for (const socket of [client, postgres]) socket.on('error', () => {});
    sockets.push(client, postgres);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return {
    url: Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href,
    freeze: () => sockets.forEach((socket) => void socket.unpipe().pause()),
    thaw() {
      for (let at = 0; at < sockets.length; at += 2) {
        const [client, postgres] = [sockets[at], sockets[at + 1]];
        if (client && postgres) client.pipe(postgres).pipe(client);
      }
    },
    stop: () => server.close(),
  };
}

it('leaves the books out of a scrape, which is answered, and has them again later', async () => {
  const between = await freezer(new URL((await createTestDatabase()).url));
  const pool = createPool({ databaseUrl: between.url, size: 1, applicationName: 'frozen' });
  const metrics = createMetrics();
  const patient = patientDb(pool, PATIENCE_MS);
  observeOverdueGroups(metrics.registry, patient);
  observePayoutRuns(metrics.registry, patient);
  observeSeals(metrics.registry, patient);
  const scrape = () => metrics.registry.metrics();
  expect(await scrape()).toMatch(/^holdfast_overdue_groups 0$/m);
  expect(await scrape()).toMatch(/^holdfast_seals_oldest_seconds 0$/m);
  between.freeze();
  for (let time = 0; time < 3; time++) {
    const text = await scrape();
    // Nor as a 0, by which nobody would look.
    expect(text).not.toMatch(/^holdfast_(overdue|open_payout|payout|seals)\w* \d/m);
    expect(text).toMatch(/^nodejs_version_info/m);
  }
  // What the first scrape asked is out, and nothing more however often others come.
  expect(pool.totalCount + pool.waitingCount).toBeLessThanOrEqual(GAUGES);
  between.thaw();
  await expect.poll(scrape, { timeout: 10_000 }).toMatch(/^holdfast_overdue_groups 0$/m);
  await pool.end();
  between.stop();
});

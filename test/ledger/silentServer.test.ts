/** A server that is gone without a word: its host lost power, or the network drops all packets. */
import { connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { isDatabaseAway } from '../../src/db/sqlstate.ts';
import { callOnWholeBooks } from '../../src/ledger/wholeBooks.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const SILENCE_MS = 500;
/** Connections of the pool, all of which fall silent. */
const SIZE = 3;

/** A way to the server that takes what it is given and hands nothing on, while it is cut. */
async function wayTo(url: string) {
  const { hostname, port } = new URL(url);
  const ways = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      ways.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (data) => upstream.writable && upstream.write(data));
    upstream.on('data', (data) => client.writable && client.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of ways) socket.destroy();
    server.close();
  });
  const address = server.address() as { port: number };
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(address.port);
  return {
    url: through.href,
    cut: () => ways.forEach((socket) => void socket.removeAllListeners('data').resume()),
  };
}

it('is given up in seconds, and the next one is used, as after a failover', async () => {
  const { url } = await createTestDatabase();
  const way = await wayTo(url);
  const silence = { size: SIZE, applicationName: 'test', silenceMs: SILENCE_MS };
  const pool = createPool({ databaseUrl: way.url, ...silence });
  const ask = () => pool.query('select pg_sleep(0.1), 1 as one');
  await Promise.all(Array.from({ length: SIZE }, ask));
  way.cut();
  const lost = await Promise.allSettled(Array.from({ length: SIZE }, ask));
  for (const each of lost) expect(isDatabaseAway((each as { reason?: unknown }).reason)).toBe(true);
  expect((await ask()).rows[0]).toMatchObject({ one: 1 });
  // What reads all entries may take longer than that.
  expect(await callOnWholeBooks(pool, "pg_sleep(1)::text || 'read'")).toBe('read');
  await pool.end();
});

import { createServer, type Socket } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { expect, it, onTestFinished } from 'vitest';
import { answers } from '../../src/temporal/ready.ts';

/** Readiness waits so long for all of its parts; one that takes longer would hide the others. */
const PATIENCE_OF_PROBES_MS = 3_000;

it('a Temporal that takes connections and says nothing is away within a second', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const connection = Connection.lazy({ address: `127.0.0.1:${port}` });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await connection.close().catch(() => {});
  });
  const begun = performance.now();
  expect(await answers(new Client({ connection }))).toBe(false);
  expect(performance.now() - begun).toBeLessThan(PATIENCE_OF_PROBES_MS);
});

/**
 * The door to the run's servers. It stands in vitest's main process; test files, each a process of
 * its own, ask over HTTP.
 */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { openLending } from './loans.ts';

export interface Broker {
  url: string;
  stop(): Promise<void>;
}

/** Longer than any run. */
const KEEP_ALIVE_MS = 3_600_000;

/** Opens the door on 127.0.0.1. Its URL holds a secret, because the answers hold passwords. */
export async function startBroker(say: (line: string) => void): Promise<Broker> {
  const { lend, stop } = openLending(say);
  const secret = randomBytes(16).toString('hex');
  const server = createServer((request, response) => {
    const [, key, what, argument = ''] = (request.url ?? '').split('/');
    const answer = (status: number, body: object) =>
      response.writeHead(status).end(JSON.stringify(body));
    const give = key === secret ? lend[what as keyof typeof lend] : undefined;
    if (!give) return answer(404, { error: `Nothing named "${what}" is lent here.` });
    give(decodeURIComponent(argument)).then(
      (loan) => answer(200, loan),
      (error: Error) => answer(500, { error: error.message }),
    );
  });
  // The first asker waits for a download; the others for him.
  server.requestTimeout = 0;
  // A test that blocks its process for seconds must find its connection as it left it.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/${secret}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await stop();
    },
  };
}

/** An endpoint in a test's hands: takes what is posted, or not, and checks each signature. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import type { Message } from '../../src/webhooks/message.ts';
import { atFileEnd } from '../support/borrow.ts';

export const SECRET = `whsec_${Buffer.alloc(32, 'a secret of the tests').toString('base64')}`;

export const NEXT_SECRET = `whsec_${Buffer.alloc(32, 'another one').toString('base64')}`;

export interface Heard {
  id: string;
  message: Message;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What it answers: a status, or nothing at all. */
type Answer = number | 'silence';

export interface Listener {
  url: string;
  /** All that came, also what was not taken, in the order of coming. */
  heard: Heard[];
  /** Decides each answer; 204 unless a test says otherwise. */
  answer: (heard: Heard) => Answer | Promise<Answer>;
  /** The body of each answer. */
  words: string;
  /** Connections that are open to it. */
  connections(): Promise<number>;
  /** Waits until so many messages came that fit. */
  until(count: number, fits?: (heard: Heard) => boolean): Promise<Heard[]>;
}

const PATIENCE_MS = 15_000;

export async function startListener(secret = SECRET): Promise<Listener> {
  const webhook = new Webhook(secret);
  const server = createServer(async (request, response) => {
    // Where a redirect leads to; nothing that is told may end there.
    if (request.method !== 'POST') return response.writeHead(200).end();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const headers = request.headers;
    const message = webhook.verify(body, headers as Record<string, string>) as Message;
    const one = { id: String(headers['webhook-id']), message, headers, body };
    listener.heard.push(one);
    const answer = await listener.answer(one);
    if (answer !== 'silence')
      response.writeHead(answer, { location: '/elsewhere' }).end(listener.words);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const listener: Listener = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hear`,
    heard: [],
    answer: () => 204,
    words: 'taken',
    connections: promisify(server.getConnections.bind(server)),
    async until(count, fits = () => true) {
      const end = performance.now() + PATIENCE_MS;
      for (;;) {
        const found = listener.heard.filter(fits);
        if (found.length >= count) return found;
        if (performance.now() > end) {
          const came = JSON.stringify(listener.heard.map(({ message }) => message.type));
          throw new Error(`${found.length} of ${count} came; in all ${came}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
  return listener;
}

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AddressInfo, type Socket, Server as TcpServer } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { endOrPatience } from '../ledger/crowd.ts';
import type { App } from './app.ts';

/** Longest wait a caller may ask for is 30 s; a stop lets such a request end. */
const DEFAULT_STOP_MS = 35_000;

/**
 * How long a stop leaves kept connections open, so that the next answer on each can say that it is
 * the last one: who sends on a connection as it is cut does not know what became of the request.
 */
const LAST_WORD_MS = 500;

/** For those who name none, as HTTP/1.0 lets the health checks of load balancers do. */
const UNNAMED_HOST = 'localhost';

export interface HttpServer {
  /** Such as `http://127.0.0.1:3000`. */
  url: string;
  /** Stops accepting, lets requests in flight end, and cuts what is left after the bound. */
  stop(boundMs?: number): Promise<void>;
}

/**
 * How connections end: an answer says that it is the last one, so that its client asks no more on
 * them. What has nothing to answer is cut, now or as its last answer has been sent. Node's own way
 * leaves out those that have not asked anything yet, such as a browser opens ahead of need.
 */
function connectionEnder(server: Server): { sayLast(): void; cutIdle(): void } {
  const connections = new Map<Socket, Set<ServerResponse>>();
  let isEnding = false;
  const isLast = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader('connection', 'close');
  };
  server.on('connection', (socket: Socket) => {
    connections.set(socket, new Set());
    socket.once('close', () => connections.delete(socket));
  });
  // Before the app, which may answer at once.
  server.prependListener('request', ({ socket }, response) => {
    const answers = connections.get(socket) ?? new Set();
    answers.add(response);
    if (isEnding) isLast(response);
    response.once('close', () => {
      answers.delete(response);
      if (isEnding && answers.size === 0) socket.end();
    });
  });
  return {
    sayLast() {
      isEnding = true;
      for (const answers of connections.values()) {
        const last = [...answers].at(-1);
        if (last) isLast(last);
      }
    },
    cutIdle() {
      for (const [socket, { size }] of connections) if (size === 0) socket.destroy();
    },
  };
}

/**
 * Reads to its end what an answer has left of its request's body, such as one that was too large or
 * sent to no route: the connection's next request stands behind it. The library's own way cuts such
 * connections half a second later, in the middle of whatever they carry by then. What never ends
 * runs into Node's bound for receiving a request.
 */
function dropUnreadBodies(server: Server): void {
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    response.once('finish', () => {
      if (request.readableEnded) return;
      // The body's web stream, once somebody looked at it, stops the flow when nobody reads it.
      request.removeAllListeners('data');
      request.resume();
    });
  });
}

/** Listens. Port 0 takes any free one. Rejects with the cause where the port cannot be had. */
export async function startServer(
  app: App,
  { host, port }: { host: string; port: number },
): Promise<HttpServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    autoCleanupIncoming: false,
    hostname: UNNAMED_HOST,
  }) as Server;
  dropUnreadBodies(server);
  const connections = connectionEnder(server);
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    const isTaken = error.code === 'EADDRINUSE';
    const cause = isTaken ? 'is in use; set PORT to a free one, or to 0' : error.message;
    reject(new Error(`The API cannot listen on ${host}:${port}: ${cause}`, { cause: error }));
  });
  server.listen(port, host, resolve);
  await listening;
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return {
    url: `http://${name}:${address.port}`,
    async stop(boundMs = DEFAULT_STOP_MS) {
      const { promise: closed, resolve: close } = Promise.withResolvers<void>();
      // Not as an HTTP server is closed, which cuts kept connections under what is sent on them.
      TcpServer.prototype.close.call(server, () => close());
      const timer = setTimeout(() => server.closeAllConnections(), boundMs);
      connections.sayLast();
      await endOrPatience(closed, Math.min(LAST_WORD_MS, boundMs));
      server.close();
      connections.cutIdle();
      await closed;
      clearTimeout(timer);
    },
  };
}

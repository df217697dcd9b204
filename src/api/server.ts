import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { App } from './app.ts';

/** Longest wait a caller may ask for is 30 s; a stop lets such a request end. */
const DEFAULT_STOP_MS = 35_000;

/** For those who name none, as HTTP/1.0 lets the health checks of load balancers do. */
const UNNAMED_HOST = 'localhost';

export interface HttpServer {
  /** Such as `http://127.0.0.1:3000`. */
  url: string;
  /** Stops accepting, lets requests in flight end, and cuts what is left after the bound. */
  stop(boundMs?: number): Promise<void>;
}

/**
 * Closes connections that nobody waits on, now and as their last answer has been sent. Node's own
 * way leaves out those that have not asked anything yet, such as a browser opens ahead of need.
 */
function idleCloser(server: Server): () => void {
  const requests = new Map<Socket, number>();
  let isClosing = false;
  server.on('connection', (socket: Socket) => {
    requests.set(socket, 0);
    socket.once('close', () => requests.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    requests.set(socket, (requests.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (requests.get(socket) ?? 1) - 1;
      requests.set(socket, left);
      if (isClosing && left === 0) socket.end();
    });
  });
  return () => {
    isClosing = true;
    for (const [socket, count] of requests) if (count === 0) socket.destroy();
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
  const closeIdle = idleCloser(server);
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
      server.close(() => close());
      closeIdle();
      const timer = setTimeout(() => server.closeAllConnections(), boundMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

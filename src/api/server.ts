import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { App } from './app.ts';

/** Longest wait a caller may ask for is 30 s; a stop lets such a request end. */
const DEFAULT_STOP_MS = 35_000;

export interface HttpServer {
  /** `http://127.0.0.1:3000` */
  url: string;
  /** Stops accepting, lets requests in flight end, and cuts what is left after the bound. */
  stop(boundMs?: number): Promise<void>;
}

/** Listens. Port 0 takes any free one. Rejects with the cause where the port cannot be had. */
export async function startServer(
  app: App,
  { host, port }: { host: string; port: number },
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', (error: NodeJS.ErrnoException) => {
    const cause =
      error.code === 'EADDRINUSE' ? 'is in use; set PORT to a free one, or 0' : error.message;
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
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), boundMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

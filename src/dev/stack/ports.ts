/** Ports on 127.0.0.1. */
import { createServer } from 'node:net';

/** A port that nobody listens on now. Another process may take it before it is used. */
export async function freePort(): Promise<number> {
  return listenOnce(0);
}

/**
 * Checks that a port that somebody chose is free.
 *
 * @throws an Error that names the variable to change
 */
export async function requireFreePort(port: number, variable: string): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'EADDRINUSE' ? 'is already in use' : `cannot be used (${code})`;
    throw new Error(
      `Port ${port} on 127.0.0.1 ${why}.` +
        ` Set ${variable} to another port, or to 0 for any free one.`,
    );
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const taken = typeof address === 'object' && address ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}

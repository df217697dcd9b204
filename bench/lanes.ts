/** Callers that share connections, as they share a pool's. */
import type { Db } from '../src/db/pool.ts';
import { inTurns } from '../src/ledger/crowd.ts';

type Queried = { query(...values: unknown[]): Promise<unknown> };
type Turn = <T>(use: (client: Db) => Promise<T>) => Promise<T>;

/** Each has a connection to itself for as long as it uses it; who finds none idle waits in line. */
function takeTurns(clients: Db[]): Turn {
  const inTurn = inTurns(clients.length);
  const idle = [...clients];
  return (use) =>
    inTurn(async () => {
      const client = idle.pop() as Db;
      try {
        return await use(client);
      } finally {
        idle.push(client);
      }
    });
}

/** One database over several connections, the one that was used last first, as a pool does it. */
export function lanes(clients: Db[]): Db {
  const turn = takeTurns(clients);
  const query = (...values: unknown[]) => turn((client) => (client as Queried).query(...values));
  return { query: query as Db['query'] };
}

/** Operations that hold a connection from their begin to their end. */
export function onConnections(
  clients: Db[],
  operation: (db: Db) => Promise<void>,
): () => Promise<void> {
  const turn = takeTurns(clients);
  return () => turn(operation);
}

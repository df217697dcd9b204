/** Several connections as one database. */
import type { Db } from '../src/db/pool.ts';

/** One database over several connections, the one that was used last first, as a pool does it. */
export function lanes(clients: Db[]): Db {
  const idle = [...clients];
  const query = async (...values: unknown[]) => {
    const client = idle.pop() as { query(...values: unknown[]): Promise<unknown> };
    try {
      return await client.query(...values);
    } finally {
      idle.push(client as Db);
    }
  };
  return { query: query as Db['query'] };
}

/** Processes of the service as they run in production, on servers of a bench's own. */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Role } from '../src/config.ts';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Pool } from '../src/db/pool.ts';
import { newAdminKey } from '../src/dev/settings.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { startTemporal } from '../src/dev/stack/temporal.ts';
import { createService, type Service } from '../src/dev/storm/service.ts';
import { fundedPairs } from './sagaWallets.ts';

export interface ServiceStack {
  /** The bench's own connections. */
  db: Pool;
  /** For more of them. */
  databaseUrl: string;
  temporalAddress: string;
  adminKey: string;
  /** Wallets with money, each with one that receives. */
  pairs: [string, string][];
  /** A process with these roles; ends with the stack. */
  start(name: string, roles: Role[]): Promise<Service>;
  /** Stops Temporal and starts it again where it was; resolves when it answers. */
  restartTemporal(): Promise<void>;
  /** Bytes of Temporal's database. */
  temporalBytes(): number;
  stop(): Promise<void>;
}

/**
 * A Postgres with fsync, and a Temporal dev server that keeps its histories in a file.
 *
 * @param more of the environment of each process; without it there is no chain
 */
export async function startStack(more: NodeJS.ProcessEnv = {}): Promise<ServiceStack> {
  const home = throwAwayFolder(postgresUser());
  const say = (line: string) => console.error(line);
  const stops: (() => Promise<unknown>)[] = [
    async () => rmSync(home, { recursive: true, force: true }),
  ];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end();
  };
  try {
    const postgres = await startPostgres({ dataDir: home, logDir: home, say });
    stops.push(() => postgres.stop());
    const dbFile = join(home, 'temporal.db');
    const logFile = join(home, 'temporal.log');
    const options = { dbFile, logFile, uiPort: null, say };
    let temporal = await startTemporal(options);
    stops.push(() => temporal.stop());
    const restartTemporal = async () => {
      const port = Number(temporal.address.split(':')[1]);
      await temporal.stop();
      temporal = await startTemporal({ ...options, port });
    };
    const { databaseUrl } = postgres;
    const temporalAddress = temporal.address;
    await migrate(databaseUrl);
    const db = createPool({ databaseUrl, size: 5, applicationName: 'bench' });
    stops.push(() => db.end());
    const adminKey = newAdminKey();
    const env = {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
      CHAIN_RPC_URL: 'off',
      HOLDFAST_ADMIN_KEY: adminKey,
      LOG_LEVEL: 'error',
      ...more,
    };
    const start = async (name: string, roles: Role[]) => {
      const service = await createService({ name, roles, home, env });
      stops.push(() => service.stop());
      await service.start();
      return service;
    };
    const temporalBytes = () => bytesOf(dbFile) + bytesOf(`${dbFile}-wal`);
    const pairs = await fundedPairs(db);
    const addresses = { databaseUrl, temporalAddress };
    return { db, ...addresses, adminKey, pairs, start, restartTemporal, temporalBytes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function bytesOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

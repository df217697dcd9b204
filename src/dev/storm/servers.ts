/** The servers of `npm run storm`, shared by its seeds. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../stack/postgres.ts';
import { startTemporal } from '../stack/temporal.ts';
import { makeTemplate } from './database.ts';
import type { StormServers } from './world.ts';

export interface OwnServers {
  servers: StormServers;
  /** @param keep leaves the databases. @returns how to open them, in a sentence; else null */
  stop(keep: boolean): Promise<string | null>;
}

/** Starts Postgres, and Temporal with a namespace for each seed: at its start they cost nothing. */
export async function startServers(
  seeds: number,
  say: (line: string) => void,
): Promise<OwnServers> {
  const logs = mkdtempSync(join(tmpdir(), 'holdfast-storm-servers-'));
  const namespaces = Array.from({ length: seeds }, (_, at) => `storm-${at + 1}`);
  const postgres = await startPostgres({ dataDir: null, logDir: null, say });
  try {
    const [temporal, template] = await Promise.all([
      startTemporal({
        dbFile: null,
        logFile: join(logs, 'temporal.log'),
        removeAfter: logs,
        uiPort: null,
        namespaces: [...namespaces],
        say,
      }),
      makeTemplate(postgres.databaseUrl),
    ]);
    const namespace = async () => namespaces.shift() ?? 'default';
    const { databaseUrl: adminUrl } = postgres;
    return {
      servers: { adminUrl, template, temporalAddress: temporal.address, namespace },
      async stop(keep) {
        await temporal.stop();
        await postgres.stop({ keep });
        return keep ? `npx node src/dev/openLeftDatabases.ts ${postgres.home}` : null;
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/**
 * Starts Postgres on the folder that a failed test run left, prints its URL, and stops it at
 * Ctrl-C. The folder is the caller's to remove afterwards.
 */
import { startPostgres } from './stack/postgres.ts';

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const dataDir = process.argv[2];
if (!dataDir) throw new Error('Say which folder: the failed run printed it.');
const postgres = await startPostgres({ dataDir, logDir: null, say });
say(`${postgres.databaseUrl} (psql lists its databases with -l; Ctrl-C stops it)`);
process.once('SIGINT', () => postgres.stop());
await postgres.ended;

/**
 * Starts Postgres on the folder that a failed test run left, prints its URL, and stops it at Ctrl-C.
 * The folder is the caller's to remove afterwards.
 */
import { startPostgres } from '../../src/dev/stack/postgres.ts';

const dataDir = process.argv[2];
if (!dataDir) throw new Error('Say which folder: the failed run printed it.');
const postgres = await startPostgres({ dataDir, logDir: null, say: console.log });
console.log(`${postgres.databaseUrl}  (Ctrl-C stops it; \\l lists its databases)`);
process.once('SIGINT', () => postgres.stop());
await postgres.ended;

/**
 * Run in a process of its own: a worker that dies, without a word to Temporal, right after the
 * ledger has committed the step that `CRASH_AFTER` names; without that, one that lives until it is
 * killed.
 */
import { createPool, type Db } from '../../src/db/pool.ts';
import { createLog } from '../../src/observability/log.ts';
import { startSagas } from '../../src/temporal/sagas.ts';

const { DATABASE_URL = '', TEMPORAL_ADDRESS = '', NAMESPACE = '', CRASH_AFTER = '' } = process.env;

const pool = createPool({ databaseUrl: DATABASE_URL, size: 2, applicationName: 'child' });
const query = async (...args: Parameters<Db['query']>) => {
  const answer: unknown = await pool.query(...args);
  const [asked] = args as unknown as [{ name?: string }];
  if (CRASH_AFTER !== '' && asked.name === CRASH_AFTER) process.kill(process.pid, 'SIGKILL');
  return answer;
};

await startSagas({
  db: { query: query as Db['query'] },
  log: createLog('silent'),
  address: TEMPORAL_ADDRESS,
  namespace: NAMESPACE,
  identity: 'child',
  temporalUi: null,
  sweeper: false,
});
process.stdout.write('polling\n');

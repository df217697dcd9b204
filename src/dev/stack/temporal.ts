/** Temporal's dev server with the settings that this service wants. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SEARCH_ATTRIBUTE } from '../../contracts/sagas.ts';
import { freePort } from './ports.ts';
import { type Server, startServer } from './server.ts';
import { findTemporalCli } from './temporalBinary.ts';

export interface TemporalOptions {
  /** Keeps everything in this SQLite file; null: in memory. */
  dbFile: string | null;
  logFile: string;
  /** A throw-away folder that goes with the server. */
  removeAfter?: string | null;
  recordFile?: string | null;
  /** Of the frontend; left out: any free one. */
  port?: number;
  /** Port of the web UI; null: no UI. */
  uiPort: number | null;
  /** Namespaces beside `default`. */
  namespaces?: string[];
  /** Dynamic configuration beside ours, such as low limits. */
  dynamicConfig?: Record<string, number | boolean | string>;
  say: (line: string) => void;
}

export interface Temporal extends Server {
  address: string;
  uiUrl: string | null;
}

const ANY_RATE = 100_000;
const CHECKPOINT_EACH = '1s';
/**
 * The dev server has one history shard and reads each of its queues 20 times a second, which makes
 * 50 ms of every workflow task; its rate limits are those of a shared cluster. One partition a task
 * queue spares the forwarding between partitions.
 */
const DYNAMIC_CONFIG: Record<string, number | boolean | string> = {
  'history.transferProcessorMaxPollRPS': 5000,
  'history.timerProcessorMaxPollRPS': 5000,
  'history.outboundProcessorMaxPollRPS': 5000,
  // Only the list of workflows reads this queue, and writing to the list was half of the server's
  // work: a row of many indexes at the start, one at each change, one at the end. Read twice a
  // second, of a saga that ended meanwhile the end alone is written. One at a time, so that a
  // second's worth of rows never stands before a saga's own write.
  'history.visibilityProcessorMaxPollRPS': 2,
  'history.visibilityTaskBatchSize': 1000,
  'history.visibilityProcessorSchedulerWorkerCount': 1,
  // The CLI has each look at a search attribute read the cluster's metadata and the namespace from
  // the database, nine statements a saga. Ours are there before the server starts.
  'system.forceSearchAttributesCacheRefreshOnRead': false,
  // A task that is done stays in its queue's memory until the queue's next checkpoint, and all that
  // are there are gone through for each new one: with 80 sagas a second and the default of 30 s a
  // tenth of the server's work.
  'history.transferProcessorUpdateAckInterval': CHECKPOINT_EACH,
  'history.visibilityProcessorUpdateAckInterval': CHECKPOINT_EACH,
  'history.timerProcessorUpdateAckInterval': CHECKPOINT_EACH,
  'system.enableActivityEagerExecution': true,
  'frontend.namespaceRPS': ANY_RATE,
  'frontend.rps': ANY_RATE,
  'matching.rps': ANY_RATE,
  'history.rps': ANY_RATE,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
};

/**
 * Go collects its garbage when as much has come as lived before. Four times less often is a
 * sixteenth of the server's processor time, on a machine that it shares with all else, for half as
 * much memory again (docs/temporal.md). An environment that names another figure has it.
 */
const GOGC = '400';

/** The CLI's words for the SDK's types of search attributes. */
const CLI_TYPE = { KEYWORD: 'Keyword', KEYWORD_LIST: 'KeywordList' } as const;

const STOP_GRACE_MS = 20_000;

/**
 * Finds (or fetches) and starts a dev server on a free port of 127.0.0.1, with the namespaces and
 * the search attributes of `src/contracts/sagas.ts`.
 *
 * @throws an Error that says what failed and how to go on
 */
export async function startTemporal(options: TemporalOptions): Promise<Temporal> {
  const command = await findTemporalCli({ say: options.say });
  const config = { ...DYNAMIC_CONFIG, ...options.dynamicConfig };
  const port = options.port ?? (await freePort());
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port)];
  args.push('--log-level', 'warn', '--log-format', 'json');
  for (const [key, value] of Object.entries(config)) {
    args.push('--dynamic-config-value', `${key}=${JSON.stringify(value)}`);
  }
  for (const { name, type } of Object.values(SEARCH_ATTRIBUTE)) {
    args.push('--search-attribute', `${name}=${CLI_TYPE[type]}`);
  }
  for (const name of options.namespaces ?? []) args.push('--namespace', name);
  if (options.dbFile !== null) args.push('--db-filename', options.dbFile);
  for (const pragma of ['journal_mode=WAL', 'synchronous=1']) args.push('--sqlite-pragma', pragma);
  if (options.uiPort === null) args.push('--headless');
  else args.push('--ui-port', String(options.uiPort));
  try {
    const server = await startServer({
      name: 'temporal',
      command,
      args,
      // Whoever starts it may have settings for the CLI in a home, or a home that nobody may read.
      env: { GOGC, ...process.env, HOME: dirname(options.logFile), XDG_CONFIG_HOME: undefined },
      stopSignal: 'SIGTERM',
      graceMs: STOP_GRACE_MS,
      logFile: options.logFile,
      recordFile: options.recordFile ?? null,
      removeAfter: options.removeAfter ?? null,
      // It prints its addresses once namespaces and search attributes are there.
      isReady: () => readFileSync(options.logFile, 'utf8').includes(`:${port}`),
    });
    const uiUrl = options.uiPort === null ? null : `http://127.0.0.1:${options.uiPort}`;
    return { ...server, address: `127.0.0.1:${port}`, uiUrl };
  } catch (error) {
    throw new Error(
      `The Temporal dev server (${command}) did not start. ${(error as Error).message}\n` +
        'Set TEMPORAL_ADDRESS to use a Temporal server of your own.',
    );
  }
}

/** The SDK's process-wide runtime: one a process, so it is installed where a process begins. */
import type { LogMetadata } from '@temporalio/common';
import { type Logger, Runtime } from '@temporalio/worker';
import type { Log } from '../observability/log.ts';

/** The chain's worker runs activities alone, on purpose. */
const EXPECTED = 'No workflows registered, not polling for workflow tasks';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

/**
 * Threads of the SDK's core. By itself it has one a processor, and wakes another to look for work
 * whenever one has some: three in ten of the times that this process waited and was woken. All that
 * they do for a saga is half of what the process's own thread does, so one is never the bottleneck
 * (docs/temporal.md). An environment that names another figure has it.
 */
const CORE_THREADS = '1';

/** Levels that our log does not write. */
let muted: Level[] = [];

/**
 * Sends the SDK's log through ours, and leaves signals to the process: by default the SDK would
 * stop its workers at SIGINT and SIGTERM by itself, before the API has answered who still waits.
 * Called before the first connection; later calls do nothing.
 */
export function installRuntime(log: Log): void {
  if (Runtime._instance) return;
  process.env.TOKIO_WORKER_THREADS ??= CORE_THREADS;
  const write = (level: Level) => (message: string, meta?: LogMetadata) => {
    if (message === EXPECTED) return;
    const { error, alert, ...temporal } = (meta ?? {}) as LogMetadata & Record<string, unknown>;
    const found = {
      ...(error !== undefined && { err: error }),
      ...(alert !== undefined && { alert }),
    };
    log[level]({ temporal, ...found }, message);
  };
  muted = LEVELS.filter((level) => !log.isLevelEnabled(level));
  const { logger } = Runtime.install({
    shutdownSignals: [],
    logger: {
      trace: write('trace'),
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      log: (level, message, meta) => write(level.toLowerCase() as Level)(message, meta),
    },
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
  mute(logger);
}

/** The levels whose lines nobody will read, so nobody needs to write them. */
export function mutedLevels(): readonly string[] {
  return muted;
}

/**
 * Lets a logger of the SDK drop at once what our log does not write. By itself it composes, sorts
 * and keeps each line for a while before it asks; some twenty a saga, with what they are about.
 */
export function mute(logger: Logger): void {
  for (const level of muted) logger[level] = () => {};
}

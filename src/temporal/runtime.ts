/** The SDK's process-wide runtime: one a process, so it is installed where a process begins. */
import type { LogMetadata } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { Log } from '../observability/log.ts';

/** The chain's worker runs activities alone, on purpose. */
const EXPECTED = 'No workflows registered, not polling for workflow tasks';

type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/**
 * Sends the SDK's log through ours, and leaves signals to the process: by default the SDK would
 * stop its workers at SIGINT and SIGTERM by itself, before the API has answered who still waits.
 * Called before the first connection; later calls do nothing.
 */
export function installRuntime(log: Log): void {
  if (Runtime._instance) return;
  const write = (level: Level) => (message: string, meta?: LogMetadata) => {
    if (message === EXPECTED) return;
    const { error, alert, ...temporal } = (meta ?? {}) as LogMetadata & Record<string, unknown>;
    const found = {
      ...(error !== undefined && { err: error }),
      ...(alert !== undefined && { alert }),
    };
    log[level]({ temporal, ...found }, message);
  };
  Runtime.install({
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
}

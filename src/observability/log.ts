import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * Where secrets can stand in what is logged. Requests are logged by fields that are named one by
 * one; this is the net below, for an error or an object that carries a request along.
 */
const SECRET_PATHS = [
  'authorization',
  'key',
  'adminKey',
  'mnemonic',
  'databaseUrl',
  '*.authorization',
  '*.key',
  '*.adminKey',
  '*.mnemonic',
  '*.databaseUrl',
  '*.headers.authorization',
  'headers.authorization',
];

/** What may wait for a full disk or for a reader that stands still; lines beyond it are dropped. */
const MOST_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * The service's log: one JSON object a line on standard output, times in RFC 3339.
 *
 * @param level pino's level, such as `info` or `silent`
 * @param destination for tests; standard output where none is given
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? standardOutput(),
  );
}

/**
 * Standard output that may fail, as on a full disk: lines wait for the next one, and nothing else
 * does. By itself such a failure ends the process, which then tries to write for ever and stays.
 */
function standardOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, maxLength: MOST_WAITING_BYTES });
  const flush = output.flushSync.bind(output);
  let isFailing = false;
  output.on('error', () => {
    isFailing = true;
  });
  output.on('write', () => {
    isFailing = false;
  });
  output.flushSync = () => {
    if (!isFailing) flush();
  };
  return output;
}

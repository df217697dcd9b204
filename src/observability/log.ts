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
    destination ?? pino.destination(1),
  );
}

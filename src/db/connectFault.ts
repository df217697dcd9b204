/** Why a database cannot be used, and what to do about it: each case wants another next step. */
import { BEHIND_POOLER } from './serverFault.ts';
import { isConnectionLost, isDatabaseUnable, isUntrusted } from './sqlstate.ts';

/** On its way down, or up: it will answer in a moment. */
const GOING = new Set(['57P01', '57P02', '57P03']);
/** Of the operating system; those of Node itself, as of arguments that do not fit, are `ERR_…`. */
const SYSTEM = /^E(?!RR_)[A-Z_]+$/;
/** Of a server that has no such user, password, database or right to enter. */
const REFUSED = /^(28|3D)...$/;
/** A protocol violation: a pooler says so of the options that a session is opened with. */
const REFUSED_PARAMETER = '08P01';
/** Of the server, or of the user or the database alone. */
const TOO_MANY = '53300';
/** What is not there, in a database that has other tables: relation, function, column, role. */
const UNKNOWN = new Set(['42P01', '42883', '42703', '42704', '22023']);

/** A sentence or two; null where the error is about something else. */
export function connectFault(error: unknown): string | null {
  const { code = '', message } = error as { code?: unknown; message?: unknown };
  if (typeof code !== 'string') return null;
  // Of a name with several addresses none of which answers, Node has the code alone.
  const reason = message || code;
  if (code === REFUSED_PARAMETER) return `${BEHIND_POOLER} (${reason})`;
  if (SYSTEM.test(code) || GOING.has(code) || isConnectionLost(error)) {
    return `Postgres does not answer (${reason}). Start it, or set DATABASE_URL to one that runs.`;
  }
  if (isUntrusted(error)) {
    return (
      `Postgres answers and is not trusted (${reason}). ` +
      'Name who signed its certificate in DATABASE_URL: sslmode=verify-full&sslrootcert=/file.'
    );
  }
  if (isDatabaseUnable(error)) {
    return (
      `Postgres answers and cannot do it (${reason}). ` +
      'Give it the room that it lacks, or set DATABASE_URL to the server that writes.'
    );
  }
  if (code === TOO_MANY) {
    return (
      `Postgres has no connection left (${reason}). ` +
      'Raise its max_connections, or lower DATABASE_POOL_SIZE of the processes that share it.'
    );
  }
  if (REFUSED.test(code)) {
    return (
      `Postgres answers and refuses (${reason}). ` +
      'Set DATABASE_URL to a user, a password and a database that it has.'
    );
  }
  return null;
}

/** The same, and of a database that the service has not migrated to this version. */
export function useFault(error: unknown): string | null {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (typeof code !== 'string' || !UNKNOWN.has(code)) return connectFault(error);
  return (
    `The database has no books of this version (${message}). ` +
    'Set DATABASE_URL to the one of the service, or start the service on it once: it migrates.'
  );
}

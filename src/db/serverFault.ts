/** Why the books cannot be kept in a database, before anything is written there. */

export interface DatabaseServer {
  /** As `server_version` says it, such as `18.4`. */
  version: string;
  encoding: string;
  /** Whether the parameters that a session was opened with have arrived. */
  marked: boolean;
  /** `session_replication_role`: all but `origin` leave triggers and foreign keys out. */
  replicationRole: string;
  fsync: string;
  fullPages: string;
  /** Whether it says of itself that its data may be lost. */
  expendable: boolean;
}

/** Says in a session that its parameters have arrived. */
export const MARK = 'holdfast.parameters';

/** Says in a server's settings that its data may be lost, as in those of a demo or a test. */
export const EXPENDABLE = 'holdfast.expendable';

/** A pooler's sessions are others', with their rights, their isolation and without time-outs. */
export const BEHIND_POOLER =
  'What a session is opened with does not arrive at Postgres, the role holdfast_app among ' +
  'it, as behind a pooler such as PgBouncer. Set DATABASE_URL to that of Postgres itself.';

/** The oldest that knows the grants of the first migration; what is tested is 18. */
const OLDEST_MAJOR = 16;

/** A sentence or two; null where nothing is wrong with it. */
export function serverFault(server: DatabaseServer): string | null {
  const { version, encoding, marked, replicationRole } = server;
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    return `Postgres ${version} is too old. Set DATABASE_URL to a Postgres 18.`;
  }
  if (encoding !== 'UTF8') {
    return (
      `The database is encoded in ${encoding}, which has not every letter that people send. ` +
      'Set DATABASE_URL to one that was made with "encoding \'UTF8\'".'
    );
  }
  if (!marked) return BEHIND_POOLER;
  if (replicationRole !== 'origin') {
    return (
      `session_replication_role is ${replicationRole} there: the triggers that guard the books ` +
      'do not run. Reset it for the user, the database and the server.'
    );
  }
  return null;
}

/** What a crash of its machine may take, which nobody here can prevent; null where nothing. */
export function serverRisk(server: DatabaseServer): string | null {
  const { fsync, fullPages, expendable } = server;
  if (expendable || (fsync === 'on' && fullPages === 'on')) return null;
  return (
    `Postgres has fsync ${fsync} and full_page_writes ${fullPages}: a crash of its machine may ` +
    'take what callers were told is done, or the books. Set both to on.'
  );
}

/** Why the books cannot be kept in a database, before anything is written there. */

export interface DatabaseServer {
  /** As `server_version` says it, such as `18.4`. */
  version: string;
  encoding: string;
}

/** The oldest that knows the grants of the first migration; what is tested is 18. */
const OLDEST_MAJOR = 16;

/** A sentence or two; null where nothing is wrong with it. */
export function serverFault({ version, encoding }: DatabaseServer): string | null {
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    return `Postgres ${version} is too old. Set DATABASE_URL to a Postgres 18.`;
  }
  if (encoding !== 'UTF8') {
    return (
      `The database is encoded in ${encoding}, which has not every letter that people send. ` +
      'Set DATABASE_URL to one that was made with "encoding \'UTF8\'".'
    );
  }
  return null;
}

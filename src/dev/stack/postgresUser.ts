/** Postgres refuses to run as root, so root's stack runs it as the system user `postgres`. */
import { execFileSync, spawnSync } from 'node:child_process';

export interface SystemUser {
  uid: number;
  gid: number;
}

const USER = 'postgres';

/**
 * The user to run Postgres as: null (ourselves) for anybody but root; else the user `postgres`,
 * which is made where it is missing.
 *
 * @throws an Error that says how to go on, when there is no such user and it cannot be made
 */
export function postgresUser(): SystemUser | null {
  if (process.getuid?.() !== 0) return null;
  const known = lookUp();
  if (known) return known;
  const made = spawnSync('useradd', ['--system', '--user-group', '--no-create-home', USER]);
  const user = lookUp();
  if (user) return user;
  const why = made.error?.message ?? made.stderr?.toString().trim();
  throw new Error(
    `Postgres does not run as root, and the system user "${USER}" is missing and could not be` +
      ` made (useradd: ${why}). Make that user, run this as another user than root, or set` +
      ' DATABASE_URL.',
  );
}

/** True when the user (null: ourselves) can enter the folder. */
export function canEnter(user: SystemUser | null, folder: string): boolean {
  const entered = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], {
    cwd: '/',
    stdio: 'ignore',
    ...(user ?? {}),
  });
  return entered.status === 0;
}

function lookUp(): SystemUser | null {
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, USER], { encoding: 'utf8', stdio: 'pipe' }).trim());
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return null;
  }
}

/**
 * Seals what was written, off the way of the steps. A loop of the process, as webhooks are, and no
 * schedule of Temporal: it is one call of the database, there is nothing to remember between two of
 * them, and entries are to be sealed also while Temporal is away.
 */
import type { Db } from '../db/pool.ts';
import { isInvariantBroken } from '../db/sqlstate.ts';
import type { Log } from '../observability/log.ts';
import { type Loop, startLoop } from '../watchers/loop.ts';
import { sealNext } from './sealTables.ts';

export interface SealerOptions {
  db: Db;
  log: Log;
  /** Pause between two looks at what is to be sealed, in milliseconds. */
  everyMs: number;
}

/** Starts to seal. Several processes may: one does, the others find it at work. */
export function startSealer({ db, log, everyMs }: SealerOptions): Loop {
  return startLoop({
    turn: async () => {
      const sealed = await sealNext(db);
      if (sealed === null) return false;
      const { number, hash, entries, more } = sealed;
      // Where logs are kept elsewhere, this line is an anchor outside the database.
      log.info({ seal: number, hash, entries }, 'Sealed entries');
      return more;
    },
    pauseMs: everyMs,
    onFailure: (error) => {
      const { message: reason } = error as Error;
      if (isInvariantBroken(error)) {
        log.error({ alert: 'SEALS_STOPPED', reason, hint: hintOf(error) }, 'nothing is sealed');
      } else {
        log.warn({ loop: 'seals', reason }, 'will try again');
      }
    },
  });
}

/** What the database says is to be done. */
function hintOf(error: unknown): string | undefined {
  return (error as { hint?: string }).hint;
}

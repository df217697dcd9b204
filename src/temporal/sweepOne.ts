import type { SweepDeps } from './deps.ts';
import { answers } from './ready.ts';

/**
 * Sweeps one of many. What fails for it alone is told and left to the next pass, since the others
 * need their sagas all the same; where a server is away nothing is to be done for any of them.
 *
 * @throws what `look` throws, while Temporal or the database does not answer
 */
export async function sweepOne(
  deps: SweepDeps,
  groupId: string,
  look: () => Promise<void>,
): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(await serversAnswer(deps))) throw error;
    deps.log.error(
      { err: error, groupId, alert: 'SWEEP_FAILED' },
      'The sweeper can do nothing for this one, and goes on with the others',
    );
  }
}

/** Whether what went wrong is the matter of one alone. */
export async function serversAnswer({ client, db }: SweepDeps): Promise<boolean> {
  try {
    await db.query('select 1');
  } catch {
    return false;
  }
  return answers(client);
}

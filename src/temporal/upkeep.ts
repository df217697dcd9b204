/** What a namespace has beside workflows: made at the start, and anew where Temporal lost it. */
import { endOrPatience } from '../ledger/crowd.ts';
import type { Log } from '../observability/log.ts';
import { registerSearchAttributes, type Temporal } from './client.ts';
import { ensureCurrent, warnWithoutBuild } from './deployment.ts';
import { faultOf } from './failures.ts';
import { ensureReconcileSchedule, ensureRepairSchedule } from './schedule.ts';

/** As often as the sweeper runs, which is what it is about. */
const EVERY_MS = 60_000;
/** A server that does not answer must not hold up a stop. */
const STOP_MS = 2_000;

export interface UpkeepOptions {
  namespace: string;
  log: Log;
  /** A chain is followed, so books and chain are compared. */
  hasChain: boolean;
  /** Of the workers here; null: no worker versioning; left out: no workers. */
  buildId?: string | null | undefined;
  everyMs?: number | undefined;
}

/**
 * Creates the schedules where they are missing, and goes on doing so: a server that lost its
 * database, or has an older one, has no sweeper, and then nobody would bring back the sagas that it
 * lost as well. Answers how to stop, which lets the look under way end.
 *
 * @throws where the schedules cannot be created at first
 */
export async function keepNamespace(
  { connection, client }: Temporal,
  { namespace, log, hasChain, buildId, everyMs = EVERY_MS }: UpkeepOptions,
): Promise<() => Promise<void>> {
  const furnish = async () => {
    await ensureRepairSchedule(client);
    if (hasChain) await ensureReconcileSchedule(client);
  };
  await furnish();
  const turn = async () => {
    try {
      // Where nobody may register them, the start has said so.
      await registerSearchAttributes(connection, namespace).catch(() => {});
      await furnish();
      if (buildId === null) await warnWithoutBuild(client, log);
      else if (buildId !== undefined) await ensureCurrent(client, log, buildId);
    } catch (error) {
      log.warn(
        { reason: faultOf(error).detail },
        'The schedules cannot be looked at; will try again',
      );
    }
  };
  // One at a time: where the server is slow, more of them would not help it.
  let underWay: Promise<void> | null = null;
  const look = () => {
    underWay ??= turn().finally(() => {
      underWay = null;
    });
  };
  const timer = setInterval(look, everyMs);
  return async () => {
    clearInterval(timer);
    if (underWay) await endOrPatience(underWay, STOP_MS);
  };
}

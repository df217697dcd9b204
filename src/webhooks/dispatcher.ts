/**
 * Tells endpoints what happened: at least once each, and what happened to one group in its order.
 * One endpoint that does not answer holds up neither the others nor, of its own, other groups.
 */
import type { Webhook, Webhooks } from '../contracts/webhooks.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { type Loop, startLoop } from '../watchers/loop.ts';
import {
  callBack,
  type DueDelivery,
  dueDeliveries,
  forgetUnheard,
  forgetUnnamed,
  handOut,
  noteDelivered,
  noteFailed,
  noteNamed,
  noteTaken,
  registerEndpoints,
} from './deliveryTables.ts';
import { startTry, type Try } from './try.ts';
import type { DeliveryCounter } from './webhookMetrics.ts';

export interface DispatcherOptions {
  db: Db;
  webhooks: Webhooks;
  log: Log;
  counter: DeliveryCounter;
  /** Pause between two looks at the outbox, in milliseconds. */
  pollMs?: number;
  /** How old an announcement to nobody gets, in seconds, and the pause between two looks. */
  unheard?: { keptSeconds: number; pauseMs: number };
  /**
   * How long an endpoint is kept that no worker names, and from which age of this process on it
   * judges that; null: it never does, as one that names none.
   */
  unnamed?: { keptSeconds: number; afterMs: number } | null;
}

/** An announcement is some 0.2 s old when it goes out; a look that finds nothing takes 1 ms. */
const POLL_MS = 200;
/** Handed out in one transaction of some 20 ms. */
const HANDED_AT_ONCE = 1_000;
/**
 * Of a thousand steps a second ten minutes are 0.1 GB, which stays as it is; an endpoint is made
 * known in a moment.
 */
const UNHEARD = { keptSeconds: 600, pauseMs: 60_000 };
/**
 * Long enough for whoever takes an endpoint out for a while, such as a whole release. Who has just
 * been started leaves the others an hour to name theirs.
 */
const UNNAMED = { keptSeconds: 30 * 86_400, afterMs: 3_600_000 };
/** Some 15 ms of one connection. */
const FORGOTTEN_AT_ONCE = 5_000;
/** So many failures in a row are the endpoint's and not those of single events. */
const FAILURES_OF_ONE_THAT_IS_DOWN = 5;
/** So often it is noted that an endpoint takes what it is told: far below what a silence is. */
const NOTE_TAKEN_EVERY_MS = 10_000;
/** Beyond the time that an answer may take, so that only what died is taken over. */
const LEASE_MARGIN_SECONDS = 5;
/**
 * Who is stopped waits so long for answers. A listener that hangs would else keep the process, and
 * its sagas with it, until somebody kills it.
 */
const PATIENCE_AT_THE_END_MS = 2_000;
/** 1 s, doubled with every try. */
const LONGEST_PAUSE_SECONDS = 3_600;
/** From so many tries on, which is a minute, somebody should look. */
const TRIES_TO_ALERT = 7;
const AGAIN = 'will try again';

/** Starts to tell them. Several processes may: each delivery is one's at a time. */
export async function startDispatcher(options: DispatcherOptions): Promise<Loop> {
  await registerEndpoints(options.db, options.webhooks);
  const loops = Object.entries(options.webhooks).map(([name, webhook]) =>
    startTelling(options, name, webhook),
  );
  loops.push(startForgetting(options));
  return {
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

/** Where nobody listens, the outbox or what is meant for one endpoint would grow for ever. */
function startForgetting(options: DispatcherOptions): Loop {
  const { db, log, webhooks, unheard = UNHEARD, unnamed = UNNAMED } = options;
  const { keptSeconds, pauseMs } = unheard;
  const startedAt = performance.now();
  const onFailure = (error: unknown) => {
    log.warn({ loop: 'webhooks', reason: (error as Error).message }, AGAIN);
  };
  const turn = async () => {
    const limit = FORGOTTEN_AT_ONCE;
    const gone = await forgetUnheard(db, { keptSeconds, limit });
    const own = Object.keys(webhooks);
    await noteNamed(db, own);
    if (unnamed !== null && performance.now() - startedAt >= unnamed.afterMs) {
      const { keptSeconds } = unnamed;
      for (const endpoint of await forgetUnnamed(db, { own, keptSeconds, limit })) {
        const said = { endpoint, keptSeconds, alert: 'WEBHOOK_FORGOTTEN' };
        log.error(said, 'no worker has named it for so long; what it had not taken is gone');
      }
    }
    return gone === limit;
  };
  return startLoop({ turn, pauseMs, onFailure });
}

function startTelling(options: DispatcherOptions, name: string, webhook: Webhook): Loop {
  const { db, log, pollMs = POLL_MS } = options;
  const leaseSeconds = Math.ceil(webhook.timeoutMs / 1_000) + LEASE_MARGIN_SECONDS;
  const underWay = new Map<Promise<void>, Try>();
  let failedInRow = 0;
  let isBehind = false;
  let notedAt = Number.NEGATIVE_INFINITY;
  let tellOfRoom = () => {};
  const onFailure = (error: unknown) => {
    log.warn({ loop: 'webhooks', endpoint: name, reason: (error as Error).message }, AGAIN);
  };
  const tell = (delivery: DueDelivery) => {
    const asked = startTry(webhook, delivery);
    const told = noteAnswer(options, name, delivery, asked)
      .then(async (isTaken) => {
        failedInRow = isTaken ? 0 : failedInRow + 1;
        if (!isTaken || performance.now() - notedAt < NOTE_TAKEN_EVERY_MS) return;
        notedAt = performance.now();
        isBehind = await noteTaken(db, name);
      })
      .catch(onFailure)
      .finally(() => {
        underWay.delete(told);
        tellOfRoom();
      });
    underWay.set(told, asked);
  };
  const loop = startLoop({
    turn: async () => {
      const handed = await handOut(db, HANDED_AT_ONCE);
      // One that takes nothing is asked by one delivery at a time, ever more rarely.
      const isDown = failedInRow >= FAILURES_OF_ONE_THAT_IS_DOWN;
      const limit = isDown ? 1 : webhook.atOnce - underWay.size;
      const due = await dueDeliveries(db, name, limit, leaseSeconds);
      due.forEach(tell);
      // As many as it has room for, and only while it takes what it is told.
      const room = failedInRow === 0 ? limit - due.length : 0;
      const called = isBehind && room > 0 ? await callBack(db, name, room) : 0;
      if (room > 0) isBehind = called > 0;
      if (isDown) await Promise.all(underWay.keys());
      else if (underWay.size >= webhook.atOnce) {
        // No race of them all: each race leaves something behind with those that hang.
        await new Promise<void>((resolve) => {
          tellOfRoom = resolve;
        });
      }
      if (isDown && due.length > 0 && failedInRow > 0) throw new Error('It takes nothing.');
      return handed === HANDED_AT_ONCE || due.length > 0 || called > 0;
    },
    pauseMs: pollMs,
    onFailure,
  });
  return {
    async stop() {
      const end = setTimeout(() => {
        for (const asked of underWay.values()) asked.giveUp();
      }, PATIENCE_AT_THE_END_MS);
      await loop.stop();
      await Promise.all(underWay.keys());
      clearTimeout(end);
    },
  };
}

/** Waits for what a try comes to, and notes it. Whether the endpoint took it. */
async function noteAnswer(
  { db, log, counter }: DispatcherOptions,
  endpoint: string,
  delivery: DueDelivery,
  { fault: asked, isGivenUp }: Try,
): Promise<boolean> {
  const fault = await asked;
  counter.inc({ endpoint, result: fault === null ? 'delivered' : 'failed' });
  if (fault === null) {
    await noteDelivered(db, endpoint, delivery.id);
    return true;
  }
  const { groupId, event, tries } = delivery;
  // What this process gave up is for others at once: it says nothing about the endpoint.
  const pause = isGivenUp() ? 0 : Math.min(LONGEST_PAUSE_SECONDS, 2 ** (tries - 1));
  await noteFailed(db, endpoint, delivery, fault, pause);
  const said = { endpoint, groupId, event, tries, fault, pauseSeconds: pause };
  if (tries < TRIES_TO_ALERT) log.info(said, `webhook was not taken, ${AGAIN}`);
  else log.warn({ alert: 'WEBHOOK_FAILING', ...said }, 'webhook is not taken');
  return false;
}

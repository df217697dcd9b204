/** Where hooks come in: checked, stored, answered. Reading the chain is left to the reader. */
import type { Registry } from 'prom-client';
import type { HookSource, HookSources } from '../contracts/hookSources.ts';
import type { HookAnswer, HookDelivery, HookDoor } from '../contracts/hooks.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { type Clock, type Verdict, verifyAlchemy, verifyHmac, verifyStandard } from './hmac.ts';
import { createHookCounter } from './hookMetrics.ts';
import { takeHook } from './inboxTables.ts';
import { verifyDetachedJws } from './jws.ts';
import { createKeySet, KeysUnavailable } from './keySet.ts';
import { namedPayments, namedTransactions } from './namedTransactions.ts';

export interface HookDoorOptions {
  db: Db;
  sources: HookSources;
  log: Log;
  registry: Registry;
  /** Milliseconds since 1970; the system's clock where none is given. */
  now?: Clock;
}

/** Opens the door for the sources that are configured; it knows no other. */
export function createHookDoor(options: HookDoorOptions): HookDoor {
  const { db, sources, log, now = Date.now } = options;
  const hooks = createHookCounter(options.registry);
  const checks = new Map(
    Object.entries(sources).map(([name, source]) => [name, checkOf(source, now)]),
  );
  return {
    async receive(source, delivery): Promise<HookAnswer> {
      const check = checks.get(source);
      if (!check) return { answer: 'unknown_source' };
      const verdict = await check(delivery).catch(orUnavailable);
      if ('unavailable' in verdict) {
        hooks.inc({ source, result: 'unavailable' });
        log.warn({ source, reason: verdict.unavailable }, 'hook could not be checked');
        return { answer: 'unavailable', why: verdict.unavailable };
      }
      if ('refused' in verdict) {
        hooks.inc({ source, result: 'refused' });
        log.warn({ source, reason: verdict.refused }, 'hook refused');
        return { answer: 'refused', why: verdict.refused };
      }
      const { deliveryId } = verdict;
      const { body } = delivery;
      const [txids, payments] = [namedTransactions(body), namedPayments(body)];
      const result = await takeHook(db, { source, deliveryId, body, txids, payments });
      hooks.inc({ source, result });
      if (result === 'contradiction') {
        const message = 'a hook came again in other words; both are looked at, none is believed';
        log.error({ source, deliveryId, alert: 'HOOK_CONTRADICTS' }, message);
      } else {
        log.info({ source, deliveryId, result, txids: txids.length }, 'hook');
      }
      return { answer: 'taken', deliveryId, duplicate: result !== 'taken' };
    },
  };
}

type Check = (delivery: HookDelivery) => Promise<Verdict>;

function checkOf(source: HookSource, now: Clock): Check {
  switch (source.kind) {
    case 'hmac':
      return async (delivery) => verifyHmac(source, delivery, now);
    case 'standard':
      return async (delivery) => verifyStandard(source, delivery, now);
    case 'alchemy':
      return async (delivery) => verifyAlchemy(source, delivery);
    case 'fireblocks': {
      const keys = createKeySet(source.jwksUrl, now);
      return (delivery) => verifyDetachedJws(source.signatureHeader, keys, delivery);
    }
  }
}

function orUnavailable(error: unknown): { unavailable: string } {
  if (error instanceof KeysUnavailable) return { unavailable: error.message };
  throw error;
}

/** Reads the chain again for each transaction that a hook named; what else it says is not used. */
import type { ChainConnection } from '../chains/connection.ts';
import type { ChainPort } from '../chains/port.ts';
import { rescanTransaction } from '../chains/rescan.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { type Loop, startLoop } from '../watchers/loop.ts';
import { type DueHook, dueHooks, forgetHooks, noteHookRead } from './inboxTables.ts';
import { namedPayments } from './namedTransactions.ts';

export interface HookReaderOptions {
  db: Db;
  chain: ChainConnection;
  log: Log;
  /** Pause between two looks at the inbox, in milliseconds. */
  pollMs: number;
  /** Wakes whoever waits for a payment of that id, if anybody does; a custodian's hook names it. */
  wake?: (paymentId: string) => Promise<void>;
  /** How long a transaction may be in no block before the hook is given up. */
  patienceSeconds?: number;
}

/** As long as a node keeps what waits for a block; a later one is seen by the watcher alone. */
const PATIENCE_SECONDS = 86_400;
/** Few enough to be read before they are due again. */
const BATCH = 10;
const KEEP_DAYS = 30;
const FORGET_EVERY_MS = 3_600_000;
const FORGET_AT_ONCE = 1_000;

/** Starts to read. Several may run: each hook is handed to one of them at a time. */
export function startHookReader(options: HookReaderOptions): Loop {
  const { db, log, pollMs } = options;
  let forgetAt = 0;
  return startLoop({
    turn: async () => {
      if (performance.now() >= forgetAt) {
        const gone = await forgetHooks(db, KEEP_DAYS, FORGET_AT_ONCE);
        if (gone < FORGET_AT_ONCE) forgetAt = performance.now() + FORGET_EVERY_MS;
      }
      return (await readHooks(options)) === BATCH;
    },
    pauseMs: pollMs,
    onFailure: (error) => {
      log.warn({ loop: 'hooks', reason: (error as Error).message }, 'will try again');
    },
  });
}

/** Reads what the hooks that are due name. Answers how many hooks there were. */
export async function readHooks(options: HookReaderOptions): Promise<number> {
  const port = await options.chain();
  const hooks = await dueHooks(options.db, BATCH);
  for (const hook of hooks) await readHook(options, port, hook);
  return hooks.length;
}

async function readHook(options: HookReaderOptions, port: ChainPort, hook: DueHook): Promise<void> {
  const { db, log, patienceSeconds = PATIENCE_SECONDS } = options;
  const { source, deliveryId } = hook;
  const done: string[] = [];
  let failure: unknown = null;
  const named = new Set([...namedPayments(hook.body), ...hook.payments]);
  for (const paymentId of named) await options.wake?.(paymentId);
  for (const txid of hook.txids) {
    try {
      if (await rescanTransaction(db, port, txid)) done.push(txid);
    } catch (error) {
      failure = error;
      break;
    }
  }
  // A node that does not answer says nothing about a transaction: patience is not used up by it.
  const patience = failure === null ? patienceSeconds : null;
  const { finished, fault } = await noteHookRead(db, hook, done, patience);
  if (fault !== null) log.warn({ source, deliveryId, fault }, 'hook given up');
  else if (finished) log.info({ source, deliveryId }, 'hook was followed');
  // What failed is due again by itself; the loop slows down meanwhile.
  if (failure !== null) throw failure;
}

/** The groups that `bench/open.ts` lets wait: over HTTP, and very many through the gateway. */
import { setTimeout as sleep } from 'node:timers/promises';
import { groupId, stepKey } from '../src/contracts/ids.ts';
import { createPool } from '../src/db/pool.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { createLog } from '../src/observability/log.ts';
import { startSagas } from '../src/temporal/sagas.ts';
import { cpuEach, cpuTimes } from './cpu.ts';
import { memoryByWho } from './processes.ts';
import type { Row, Tell } from './report.ts';
import { type ServiceClient, timeEach } from './serviceClient.ts';
import type { ServiceStack } from './serviceStack.ts';

/** Every group has one of its own: this and its key. */
export const REFERENCE = 'order ';
/** Callers at once while the groups are made. */
export const MAKERS = 50;
/** As the admin key of the service is called. */
const CLIENT = 'admin';
const CONNECTIONS = 20;
/** Nobody acts on them here, so none is kept for longer than it takes to begin. */
const SAGAS_IN_MEMORY = 200;
/** What one saga may take before its caller asks again, and when nobody believes in it any more. */
const WAIT_MS = 30_000;
const PATIENCE_MS = 10 * 60_000;
const PAUSE_MS = 1_000;
const PROGRESS_MS = 10_000;
/** So often the report is written on the way, so that a run which is killed tells of it. */
const PARTS = 10;
const MEGABYTE = 2 ** 20;

let serial = 0;

/** Makes groups and puts their ids into the list; answers with what each took, in milliseconds. */
export async function make(client: ServiceClient, count: number, ids: string[]): Promise<number[]> {
  const keys = Array.from({ length: count }, () => `open-${++serial}`);
  return timeEach(keys, MAKERS, async (key) => {
    const id = await client.open(key, 'manual', { reference: `${REFERENCE}${key}` });
    if (id !== null) ids.push(id);
  });
}

/**
 * Makes as many as 100,000: the same sagas with the same holds through the service's own gateway,
 * with a worker in this process. What HTTP costs its two ends is a quarter of the time that they
 * take on two cores. The sagas are left to the service's worker at the end.
 */
export async function fill(
  { databaseUrl, temporalAddress, pairs }: ServiceStack,
  count: number,
  ids: string[],
  tell: Tell,
): Promise<void> {
  const pool = createPool({ databaseUrl, size: CONNECTIONS, applicationName: 'bench fill' });
  const { gateway, stop } = await startSagas({
    db: queueSteps(pool),
    log: createLog('error'),
    address: temporalAddress,
    namespace: 'default',
    identity: 'bench fill',
    temporalUi: null,
    sweeper: false,
    sagasInMemory: SAGAS_IN_MEMORY,
  });
  const hold = async (key: string) => {
    const [from, to] = pairs[serial % pairs.length] ?? ['', ''];
    const input = holdInput(key, from, to);
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await gateway.start('transfer', input, WAIT_MS, []);
      if (answer.outcome === 'done') break;
      const mayCome = answer.outcome === 'pending' || answer.outcome === 'unavailable';
      if (!mayCome || Date.now() > until) throw new Error(`${key}: ${JSON.stringify(answer)}`);
      await sleep(PAUSE_MS);
    }
    ids.push(input.groupId);
  };
  try {
    const rows: Row[] = [];
    for (let part = 1; part <= PARTS; part += 1) {
      const size = Math.floor((count * part) / PARTS) - Math.floor((count * (part - 1)) / PARTS);
      const keys = Array.from({ length: size }, () => `open-${++serial}`);
      const before = cpuTimes();
      const begun = performance.now();
      await withProgress(ids, size, () => timeEach(keys, MAKERS, hold));
      const rate = (size * 1000) / (performance.now() - begun);
      const more = { ...cpuEach(before, cpuTimes(), size), ...memory() };
      rows.push({ name: `up to ${ids.length}`, unit: 'groups/s', rounds: [rate], more });
      tell({ title: `making groups that wait, ${MAKERS} at once through the gateway`, rows });
    }
  } finally {
    await stop();
    await pool.end();
  }
}

function holdInput(key: string, from: string, to: string) {
  return {
    groupId: groupId('transfer', CLIENT, key),
    stepKey: stepKey('create', CLIENT, key),
    actor: { name: CLIENT, admin: true },
    client: CLIENT,
    legs: [
      { wallet: from, type: 'DEBIT' as const, amount: '0.01' },
      { wallet: to, type: 'CREDIT' as const, amount: '0.01' },
    ],
    settle: 'manual' as const,
    expiresIn: null,
    reference: `${REFERENCE}${key}`,
    metadata: {},
    acceptBy: null,
  };
}

function memory(): Record<string, number> {
  const { bench, service, Postgres, Temporal } = memoryByWho();
  const all = { bench, service, Postgres, Temporal };
  const rows = Object.entries(all).map(([who, bytes]) => [`${who} MB`, bytes / MEGABYTE] as const);
  return Object.fromEntries(rows);
}

/** Tells on the way how far the list is, how fast it grows and when it will be done. */
export async function withProgress<T>(
  ids: string[],
  count: number,
  work: () => Promise<T>,
): Promise<T> {
  const [first, begun] = [ids.length, performance.now()];
  const progress = setInterval(() => {
    const made = ids.length - first;
    const perSecond = (made * 1000) / (performance.now() - begun);
    const end = new Date(Date.now() + ((count - made) / perSecond) * 1000);
    const at = made > 0 ? end.toISOString().slice(11, 19) : 'an unknown time';
    console.error(`  ${made} of ${count} groups, ${perSecond.toFixed(0)}/s, done at ${at} UTC`);
  }, PROGRESS_MS);
  try {
    return await work();
  } finally {
    clearInterval(progress);
  }
}

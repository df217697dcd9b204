/**
 * `npm run bench workers`: sagas a second with one, two and four processes that run them. Two ways
 * to have more: the whole service again, with callers that take turns, or workers beside one API.
 * What one process does with as many callers is the floor of both.
 */
import { parseArgs } from 'node:util';
import type { Role } from '../src/config.ts';
import type { Service } from '../src/dev/storm/service.ts';
import { cpuEach, cpuTimes } from './cpu.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { median } from './rounds.ts';
import { createServiceClient, type ServiceClient, timeEach } from './serviceClient.ts';
import { type ServiceStack, startStack } from './serviceStack.ts';

const API: Role[] = ['api', 'worker'];
const WORKER: Role[] = ['worker'];
/** The first process answers callers and runs sagas, as in docker-compose.yml. */
const LINE_UPS: Record<string, Role[][]> = {
  'API with a worker': [API],
  'the same twice': [API, API],
  'the same four times': [API, API, API, API],
  'and a worker beside': [API, WORKER],
  'and two workers beside': [API, WORKER, WORKER],
  'and four workers beside': [API, WORKER, WORKER, WORKER, WORKER],
};

interface Rates {
  twoPhase: number[];
  transfers: number[];
  cpu: Record<string, number>[];
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '3' },
      /** Sagas a round. */
      sagas: { type: 'string', default: '300' },
      /** Callers at once. */
      concurrency: { type: 'string', default: '100' },
    },
  });
  const sagas = Number(values.sagas);
  const concurrency = Number(values.concurrency);
  const rates = Object.fromEntries(
    Object.keys(LINE_UPS).map((name): [string, Rates] => [
      name,
      { twoPhase: [], transfers: [], cpu: [] },
    ]),
  );
  const stack = await startStack();
  try {
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      for (const [name, roles] of Object.entries(LINE_UPS)) {
        console.error(`  round ${round}: ${name}`);
        await measure(stack, roles, sagas, concurrency, rates[name] as Rates);
      }
    }
  } finally {
    await stack.stop();
  }
  const rows = (unit: string, of: 'twoPhase' | 'transfers') =>
    againstFirst(
      Object.entries(rates).map(
        ([name, each]): Row => ({
          name,
          unit,
          rounds: each[of],
          more: of === 'twoPhase' ? middle(each.cpu) : {},
        }),
      ),
    );
  const many = `${concurrency} callers at once over HTTP`;
  tell({ title: `hold and settle, a saga each; ${many}`, rows: rows('sagas/s', 'twoPhase') });
  tell({ title: `immediate transfers, a saga each; ${many}`, rows: rows('/s', 'transfers') });
}

/** Starts the processes, lets them warm up, and counts; nothing else runs meanwhile. */
async function measure(
  stack: ServiceStack,
  roles: Role[][],
  sagas: number,
  concurrency: number,
  rates: Rates,
): Promise<void> {
  const services: Service[] = [];
  try {
    for (const [index, each] of roles.entries()) {
      services.push(await stack.start(`process-${index}`, each));
    }
    const urls = services.filter((_, index) => roles[index] === API).map(({ url }) => url);
    const client = createServiceClient(urls, stack.adminKey, stack.pairs);
    await perSecond(sagas, concurrency, () => twoPhase(client));
    await perSecond(sagas, concurrency, () => immediate(client));
    const before = cpuTimes('caller');
    rates.twoPhase.push(await perSecond(sagas, concurrency, () => twoPhase(client)));
    rates.cpu.push(cpuEach(before, cpuTimes('caller'), sagas));
    rates.transfers.push(await perSecond(sagas, concurrency, () => immediate(client)));
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
}

let serial = 0;

async function twoPhase(client: ServiceClient): Promise<void> {
  serial += 1;
  const id = await client.open(`two-${serial}`, 'manual');
  if (id === null) throw new Error('The service was too busy to begin in time.');
  await client.settle(id);
}

async function immediate(client: ServiceClient): Promise<void> {
  serial += 1;
  await client.open(`one-${serial}`, 'immediate');
}

async function perSecond(count: number, atOnce: number, work: () => Promise<void>) {
  const begun = performance.now();
  await timeEach(Array(count).fill(null), atOnce, work);
  return (count * 1000) / (performance.now() - begun);
}

function middle(each: Record<string, number>[]): Record<string, number> {
  const whats = Object.keys(each[0] ?? {});
  return Object.fromEntries(whats.map((what) => [what, median(each.map((cpu) => cpu[what] ?? 0))]));
}

/**
 * `npm run bench open`: what it costs that many groups wait at once, each with its running saga.
 * Transfers are held, the last of them through a process of the service; then memory, acts, lists,
 * the sweeper's pass and a restart are measured, beside the same with few groups.
 */
import { parseArgs } from 'node:util';
import { cpuEach, cpuTimes } from './cpu.ts';
import { fill, MAKERS, make, withProgress } from './openFill.ts';
import { diskBytes, diskRows, memoryRows } from './openMemory.ts';
import { listTimes, sweepRow } from './openReads.ts';
import { memoryByWho } from './processes.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { createServiceClient, type ServiceClient, timeEach } from './serviceClient.ts';
import { type ServiceStack, startStack } from './serviceStack.ts';

/** What "few" is, and how many acts and reads a figure is of. */
const FEW = 200;
const ACTS = 50;
/**
 * Made over HTTP, more than the service keeps in memory (SAGAS_IN_MEMORY); all before them through
 * the gateway.
 */
const OVER_HTTP = 2_800;
/** Settles a round of the rate, and callers at once. */
const SETTLES = 200;
const SETTLERS = 20;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** How many groups wait at once. */
      groups: { type: 'string', default: '10000' },
    },
  });
  const stack = await startStack();
  try {
    await measure(stack, Number(values.groups), tell);
  } finally {
    await stack.stop();
  }
}

async function measure(stack: ServiceStack, groups: number, tell: Tell): Promise<void> {
  const service = await stack.start('service', ['api', 'worker']);
  const client = createServiceClient([service.url], stack.adminKey, stack.pairs);
  // What a process needs once, for code and connections, is no cost of a group.
  const warm: string[] = [];
  await make(client, 2 * SETTLES, warm);
  await settleAll(client, warm, SETTLERS);
  const ids: string[] = [];
  await make(client, FEW, ids);
  const fewLists = await listTimes(client, stack.pairs);
  const few = {
    memory: memoryByWho(),
    disk: await diskBytes(stack),
    acts: await settleAll(client, draw(ids, ACTS), 1),
    rate: await settleRate(client, ids),
  };
  const made = groups - ids.length;
  const overHttp = Math.min(made, OVER_HTTP);
  if (made > overHttp) await fill(stack, made - overHttp, ids, tell);
  await makeMany(client, overHttp, ids, tell);
  const memory = { few: few.memory, many: memoryByWho() };
  tell({ title: `memory with ${groups} groups that wait`, rows: memoryRows(memory, made) });
  const disk = diskRows(few.disk, await diskBytes(stack), made);
  tell({ title: 'disk of a group that waits', rows: disk });
  const recent = () => ids.splice(-ACTS);
  const acts: Row[] = [
    actRow(`${FEW} groups`, few.acts),
    actRow(`${groups} groups, the newest`, await settleAll(client, recent(), 1)),
    actRow(`${groups} groups, any`, await settleAll(client, draw(ids, ACTS), 1)),
  ];
  const rates: Row[] = [
    rateRow(`${FEW} groups`, few.rate),
    rateRow(`${groups} groups, the newest`, await settleRate(client, ids, true)),
    rateRow(`${groups} groups, any`, await settleRate(client, ids)),
  ];
  tell({ title: 'settling one after the other, until the caller has the answer', rows: acts });
  tell({ title: `settling, ${SETTLERS} at once`, rows: againstFirst(rates) });
  const manyLists = await listTimes(client, stack.pairs);
  for (const [list, times] of Object.entries(fewLists)) {
    const rows = [
      actRow(`${FEW} groups`, times),
      actRow(`${groups} groups`, manyLists[list] ?? []),
    ];
    tell({ title: list, rows: againstFirst(rows) });
  }
  tell({
    title: 'a pass of the sweeper, which of very many looks up a part',
    rows: [await sweepRow(stack)],
  });
  const restarts = {
    'the service killed and started': async () => {
      await service.kill();
      await service.start();
    },
    'Temporal stopped and started': stack.restartTemporal,
  };
  for (const [what, restart] of Object.entries(restarts)) {
    const rows = await restartRows(restart, client, draw(ids, ACTS));
    tell({ title: `${what} with ${groups} groups`, rows });
  }
}

/** Takes a part away and brings it back; then one of the groups after the other is settled. */
async function restartRows(restart: () => Promise<void>, client: ServiceClient, ids: string[]) {
  const stopped = performance.now();
  await restart();
  const startMs = performance.now() - stopped;
  const [firstMs = Number.NaN, ...times] = await settleAll(client, ids, 1);
  return [
    { name: 'until it answers', unit: 'ms', rounds: [startMs] },
    { name: 'the first act from there', unit: 'ms', rounds: [firstMs] },
    actRow('acts after it', times),
  ];
}

/** Makes the groups that the service has in memory, as fast as it goes. */
async function makeMany(client: ServiceClient, count: number, ids: string[], tell: Tell) {
  const [first, begun] = [ids.length, performance.now()];
  const before = cpuTimes('caller');
  const times = await withProgress(ids, count, () => make(client, count, ids));
  const seconds = (performance.now() - begun) / 1000;
  const made = ids.length - first;
  const more = {
    seconds,
    'p50 ms': quantile(times, 0.5),
    'p99 ms': quantile(times, 0.99),
    'not accepted in time': count - made,
    ...cpuEach(before, cpuTimes('caller'), count),
  };
  const row = { name: 'held', unit: 'groups/s', rounds: [made / seconds], more };
  tell({ title: `making ${count} groups that wait, ${MAKERS} at once over HTTP`, rows: [row] });
}

async function settleAll(client: ServiceClient, ids: string[], atOnce: number) {
  return timeEach(ids, atOnce, (id) => client.settle(id));
}

interface Settled {
  perSecond: number;
  cpu: Record<string, number>;
}

/** Settles so many of the groups, and makes as many new ones. */
async function settleRate(client: ServiceClient, ids: string[], newest = false): Promise<Settled> {
  const those = newest ? ids.splice(-SETTLES) : draw(ids, SETTLES);
  const before = cpuTimes('caller');
  const begun = performance.now();
  await settleAll(client, those, SETTLERS);
  const seconds = (performance.now() - begun) / 1000;
  const cpu = cpuEach(before, cpuTimes('caller'), SETTLES);
  await make(client, SETTLES, ids);
  return { perSecond: SETTLES / seconds, cpu };
}

/** Takes so many out of the list, wherever they stand. */
function draw(ids: string[], count: number): string[] {
  return Array.from({ length: Math.min(count, ids.length) }, () => {
    const at = Math.floor(Math.random() * ids.length);
    const [id] = ids.splice(at, 1);
    return id ?? '';
  });
}

function actRow(name: string, times: number[]): Row {
  return { name, unit: 'ms', rounds: times, more: { 'p99 ms': quantile(times, 0.99) } };
}

function rateRow(name: string, { perSecond, cpu }: Settled): Row {
  return { name, unit: '/s', rounds: [perSecond], more: cpu };
}

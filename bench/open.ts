/**
 * `npm run bench open`: what it costs that many groups wait at once, each with its running saga. A
 * process of the service is asked over HTTP for transfers that are held; then memory, acts, lists,
 * the sweeper's pass and a restart are measured, beside the same with few groups.
 */
import { parseArgs } from 'node:util';
import { cpuEach, cpuTimes } from './cpu.ts';
import { diskBytes, diskRows, memoryRows } from './openMemory.ts';
import { listTimes, REFERENCE, restartTimes, sweepRow } from './openReads.ts';
import { memoryByWho } from './processes.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { createServiceClient, type ServiceClient, timeEach } from './serviceClient.ts';
import { type ServiceStack, startStack } from './serviceStack.ts';

/** What "few" is, and how many acts and reads a figure is of. */
const FEW = 200;
const ACTS = 50;
/** Callers at once while the groups are made. */
const MAKERS = 50;
/** Settles a round of the rate, and callers at once. */
const SETTLES = 200;
const SETTLERS = 20;
const PROGRESS_MS = 10_000;

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
  const cached = await makeMany(client, groups - ids.length, ids, tell);
  const memory = { few: few.memory, ...cached, many: memoryByWho() };
  const made = groups - FEW;
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
  const { startMs, firstMs, times } = await restartTimes(service, client, draw(ids, ACTS));
  const after = actRow('acts after it', times);
  const rows = [
    { name: 'killed, until it answers', unit: 'ms', rounds: [startMs] },
    { name: 'the first act from there', unit: 'ms', rounds: [firstMs] },
    after,
  ];
  tell({ title: `a restart with ${groups} groups`, rows });
}

let serial = 0;

/** Makes groups and puts their ids into the list; answers with what each took, in milliseconds. */
async function make(client: ServiceClient, count: number, ids: string[]): Promise<number[]> {
  const keys = Array.from({ length: count }, () => `open-${++serial}`);
  return timeEach(keys, MAKERS, async (key) => {
    const id = await client.open(key, 'manual', `${REFERENCE}${key}`);
    if (id !== null) ids.push(id);
  });
}

/** Makes the groups as fast as it goes, and looks at memory on the way. */
async function makeMany(client: ServiceClient, count: number, ids: string[], tell: Tell) {
  const begun = performance.now();
  const before = cpuTimes('caller');
  const first = ids.length;
  const made = () => ids.length - first;
  const progress = setInterval(() => {
    const perSecond = (made() * 1000) / (performance.now() - begun);
    const left = Math.round((count - made()) / perSecond);
    console.error(`  ${made()} of ${count} groups, ${perSecond.toFixed(0)}/s, ${left} s to go`);
  }, PROGRESS_MS);
  try {
    const half = Math.floor(count / 2);
    const times = await make(client, half, ids);
    const memory = memoryByWho();
    times.push(...(await make(client, count - half, ids)));
    const seconds = (performance.now() - begun) / 1000;
    const more = {
      seconds,
      'p50 ms': quantile(times, 0.5),
      'p99 ms': quantile(times, 0.99),
      'not accepted in time': count - made(),
      ...cpuEach(before, cpuTimes('caller'), count),
    };
    const row = { name: 'held', unit: 'groups/s', rounds: [made() / seconds], more };
    tell({ title: `making ${count} groups that wait, ${MAKERS} at once over HTTP`, rows: [row] });
    return { half: memory };
  } finally {
    clearInterval(progress);
  }
}

async function settleAll(client: ServiceClient, ids: string[], atOnce: number) {
  return timeEach(ids, atOnce, (id) => client.settle(id));
}

/** Settles so many of the groups, and makes as many new ones. */
async function settleRate(client: ServiceClient, ids: string[]): Promise<number> {
  const begun = performance.now();
  await settleAll(client, draw(ids, SETTLES), SETTLERS);
  const seconds = (performance.now() - begun) / 1000;
  await make(client, SETTLES, ids);
  return SETTLES / seconds;
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

function rateRow(name: string, rate: number): Row {
  return { name, unit: '/s', rounds: [rate] };
}

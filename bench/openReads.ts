/** Lists and the sweeper, for `bench/open.ts`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { SAGA_TASK_QUEUE, WORKFLOW } from '../src/contracts/sagas.ts';
import type { SweepTotals } from '../workflows/repair.ts';
import { cpuTimes } from './cpu.ts';
import { REFERENCE } from './openFill.ts';
import type { Row } from './report.ts';
import { type ServiceClient, timeEach } from './serviceClient.ts';
import type { ServiceStack } from './serviceStack.ts';

const READS = 100;
/** Pages into the list, of 50. */
const PAGES_IN = 3;
/** The sweeper leaves younger groups alone. */
const SWEPT_AFTER_SECONDS = 60;

/** Milliseconds of each read, by what was asked for. */
export async function listTimes(
  client: ServiceClient,
  pairs: [string, string][],
): Promise<Record<string, number[]>> {
  const open = '/v1/transfers?status=IN_PROGRESS';
  let cursor = '';
  for (let page = 0; page < PAGES_IN; page += 1) {
    const { nextCursor } = await client.get(open + cursor);
    cursor = `&cursor=${nextCursor}`;
  }
  const wallets = Array.from({ length: READS }, (_, at) => pairs[at % pairs.length]?.[0]);
  const asked: Record<string, string[]> = {
    'open groups, newest page': Array(READS).fill(open),
    'open groups, a later page': Array(READS).fill(open + cursor),
    "a wallet's groups": wallets.map((wallet) => `/v1/transfers?wallet=${wallet}`),
    "a wallet's open groups": wallets.map((wallet) => `${open}&wallet=${wallet}`),
    'settled groups': Array(READS).fill('/v1/transfers?status=SETTLED'),
    'groups of a status that none has': Array(READS).fill('/v1/transfers?status=RELEASED'),
    'groups of a kind that none has': Array(READS).fill('/v1/transfers?kind=withdrawal'),
    'groups by reference': wallets.map((_, at) => {
      const reference = encodeURIComponent(`${REFERENCE}open-${at + 1}`);
      return `/v1/transfers?reference=${reference}`;
    }),
  };
  const times: Record<string, number[]> = {};
  for (const [list, paths] of Object.entries(asked)) {
    times[list] = await timeEach(paths, 1, (path) => client.get(path));
  }
  return times;
}

/** One pass over everything that is old enough, by the sweeper's own workflow. */
export async function sweepRow({ temporalAddress }: ServiceStack): Promise<Row> {
  await sleep(SWEPT_AFTER_SECONDS * 1000);
  const connection = await Connection.connect({ address: temporalAddress });
  try {
    const client = new Client({ connection });
    const before = cpuTimes('caller');
    const begun = performance.now();
    const totals: SweepTotals = await client.workflow.execute(WORKFLOW.repair, {
      workflowId: 'bench-sweep',
      taskQueue: SAGA_TASK_QUEUE,
      args: [],
    });
    const seconds = (performance.now() - begun) / 1000;
    const after = cpuTimes('caller');
    const seconds1 = (who: keyof typeof after) => (after[who] - before[who]) / 1e6;
    const more = {
      looked: totals.looked,
      restarted: totals.restarted,
      'groups/s': totals.looked / seconds,
      'CPU of service s': seconds1('service'),
      'CPU of Postgres s': seconds1('Postgres'),
      'CPU of Temporal s': seconds1('Temporal'),
    };
    return { name: 'sweep', unit: 's', rounds: [seconds], more };
  } finally {
    await connection.close();
  }
}

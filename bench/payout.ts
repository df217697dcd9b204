/**
 * `npm run bench payout`: a payout run end to end over HTTP against a process of the service, and
 * the same payments asked for one by one. Both go through the whole service: key, saga, ledger.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { PayoutRun } from '../src/contracts/payouts.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { createServiceClient, timeEach } from './serviceClient.ts';
import { type ServiceStack, startStack } from './serviceStack.ts';

/** Callers at once of the single transfers. */
const CALLERS = 20;
/** Lines of the run that warms the process up. */
const WARM_LINES = 200;
/** Between two looks at a run: what a desk's page would do, and finer than a part of it. */
const LOOK_MS = 20;
const AMOUNT = '0.01';

interface Counts {
  lines: number;
  singles: number;
  rounds: number;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      lines: { type: 'string', default: '10000' },
      /** How many of the same payments are asked for one by one. */
      singles: { type: 'string', default: '500' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const [lines, singles, rounds] = [values.lines, values.singles, values.rounds].map(Number);
  const stack = await startStack();
  try {
    await measure(stack, { lines: lines ?? 0, singles: singles ?? 0, rounds: rounds ?? 0 }, tell);
  } finally {
    await stack.stop();
  }
}

async function measure(stack: ServiceStack, counts: Counts, tell: Tell): Promise<void> {
  const { lines, singles, rounds } = counts;
  const { url } = await stack.start('service', ['api', 'worker']);
  const desk = deskAt(url, stack);
  await desk.pay('warm', WARM_LINES);
  await desk.single('warm', WARM_LINES);
  const one: Row = { name: `one by one, ${CALLERS} at once`, unit: 'lines/s', rounds: [] };
  const all: Row = { name: `a run of ${lines} lines`, unit: 'lines/s', rounds: [] };
  const waits: number[] = [];
  const begins: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const times = await desk.single(`round-${round}`, singles);
    one.rounds.push(times.perSecond);
    one.more = { 'p50 ms': times.p50 };
    const paid = await desk.pay(`round-${round}`, lines);
    all.rounds.push(paid.perSecond);
    waits.push(paid.answeredMs);
    begins.push(paid.firstPaidMs);
  }
  tell({ title: `${lines} payments out of one wallet`, rows: againstFirst([one, all]) });
  const rows: Row[] = [
    { name: 'until it is answered: stored, and its saga started', unit: 'ms', rounds: waits },
    { name: 'until its first lines are paid', unit: 'ms', rounds: begins },
  ];
  tell({ title: `the start of a run of ${lines} lines`, rows });
}

/** Pays out of the first wallet to all that receive, in turns. */
function deskAt(url: string, { adminKey, pairs }: ServiceStack) {
  const payer = pairs[0]?.[0] ?? '';
  const receivers = pairs.map(([, to]) => to);
  const authorization = `Bearer ${adminKey}`;
  const client = createServiceClient(
    [url],
    adminKey,
    receivers.map((to) => [payer, to]),
  );

  async function ask(path: string, init: RequestInit = {}): Promise<PayoutRun> {
    const response = await fetch(url + path, {
      ...init,
      headers: { authorization, 'content-type': 'application/json', ...init.headers },
    });
    if (response.status >= 300) throw new Error(`${path}: ${await response.text()}`);
    return (await response.json()) as PayoutRun;
  }

  return {
    async single(name: string, count: number) {
      const begun = performance.now();
      const keys = Array.from({ length: count }, (_, index) => `${name}-${index}`);
      const times = await timeEach(keys, CALLERS, (key) => client.open(key, 'immediate'));
      return { perSecond: perSecond(count, begun), p50: quantile(times, 0.5) };
    },
    async pay(name: string, count: number) {
      const lines = Array.from({ length: count }, (_, index) => ({
        wallet: receivers[index % receivers.length],
        amount: AMOUNT,
      }));
      const begun = performance.now();
      let now = await ask('/v1/payout-runs', {
        method: 'POST',
        headers: { 'idempotency-key': name },
        body: JSON.stringify({ wallet: payer, lines }),
      });
      const answeredMs = performance.now() - begun;
      let firstPaidMs = 0;
      while (now.status === 'RUNNING') {
        await sleep(LOOK_MS);
        now = await ask(`/v1/payout-runs/${encodeURIComponent(now.id)}`);
        if (firstPaidMs === 0 && now.lines.settled > 0) firstPaidMs = performance.now() - begun;
      }
      if (now.lines.settled !== count) throw new Error(`Not all paid: ${JSON.stringify(now)}`);
      return { perSecond: perSecond(count, begun), answeredMs, firstPaidMs };
    },
  };
}

function perSecond(count: number, begun: number): number {
  return (count * 1000) / (performance.now() - begun);
}

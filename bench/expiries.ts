/**
 * `npm run bench expiries`: many holds run into one deadline, as at midnight or after an outage;
 * until all of it is given back, beside the time in which the same holds were made by many callers,
 * and how long others wait for their transfers meanwhile.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { againstFirst, type Tell } from './report.ts';
import { median, quantile } from './rounds.ts';
import { createServiceClient, type ServiceClient, timeEach } from './serviceClient.ts';
import { type ServiceStack, startStack } from './serviceStack.ts';

const CALLERS = 50;
/** Holds that a slow machine makes in a second, so that all are made before their deadline. */
const MADE_PER_SECOND = 40;
/** Time beside that, for which everything is at rest before the deadline, in seconds. */
const REST_SECONDS = 15;
/** Transfers that one caller sends at rest, to compare with. */
const AT_REST = 100;
const LOOK_MS = 200;
const PATIENCE_MS = 10 * 60_000;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({ args, options: { count: { type: 'string', default: '3000' } } });
  const stack = await startStack();
  try {
    await measure(stack, Number(values.count), tell);
  } finally {
    await stack.stop();
  }
}

async function measure(stack: ServiceStack, count: number, tell: Tell): Promise<void> {
  const { url } = await stack.start('service', ['api', 'worker']);
  const client = createServiceClient([url], stack.adminKey, stack.pairs);
  const deadline = Date.now() + (count / MADE_PER_SECOND + REST_SECONDS) * 1000;
  const keys = Array.from({ length: count }, (_, at) => `held-${at}`);
  const begun = Date.now();
  await timeEach(keys, CALLERS, (key) => hold(client, key, deadline));
  const made = Date.now() - begun;
  if (Date.now() > deadline) throw new Error('The holds were not made before their deadline.');
  const before = await transfers(client, 'before', (at) => at < AT_REST);
  await sleep(deadline - Date.now());
  let given: number[] | undefined;
  const during = transfers(client, 'during', () => given === undefined);
  given = await untilGivenBack(stack, count);
  const waits = await during;
  tell({
    title: `${count} holds with one deadline`,
    rows: againstFirst([
      { name: `made, ${CALLERS} callers at once`, unit: 's', rounds: [made / 1000] },
      {
        name: 'from the deadline until the last one is given back',
        unit: 's',
        rounds: [(given.at(-1) ?? 0) / 1000],
        more: { 'p50 s': quantile(given, 0.5) / 1000, 'p99 s': quantile(given, 0.99) / 1000 },
      },
    ]),
  });
  tell({
    title: 'transfers of one caller, until it is answered',
    rows: againstFirst([row('at rest', before), row('while all is given back', waits)]),
  });
}

function row(name: string, ms: number[]) {
  const more = { 'p99 ms': quantile(ms, 0.99), 'longest ms': quantile(ms, 1) };
  return { name, unit: 'ms', rounds: [median(ms)], more };
}

async function hold(client: ServiceClient, key: string, deadline: number): Promise<void> {
  const expiresIn = Math.round((deadline - Date.now()) / 1000);
  if ((await client.open(key, 'manual', { expiresIn })) === null) {
    throw new Error(`The service was too busy for ${key}.`);
  }
}

/** One after the other for as long as `more` says; how long each took. */
async function transfers(
  client: ServiceClient,
  name: string,
  more: (at: number) => boolean,
): Promise<number[]> {
  const ms: number[] = [];
  for (let at = 0; more(at); at += 1) {
    const begun = performance.now();
    await client.open(`${name}-${at}`, 'immediate');
    ms.push(performance.now() - begun);
  }
  return ms;
}

/** How long after its deadline each was given back, the fastest first. */
async function untilGivenBack({ db }: ServiceStack, count: number): Promise<number[]> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const { rows } = await db.query<{ ms: number }>(
      `select extract(epoch from finished_at - expires_at)::float8 * 1000 as ms
       from transfer_groups where kind = 'transfer' and reason = 'EXPIRED' order by 1`,
    );
    if (rows.length === count) return rows.map(({ ms }) => ms);
    if (Date.now() > until) throw new Error(`${rows.length} of ${count} given back`);
    await sleep(LOOK_MS);
  }
}

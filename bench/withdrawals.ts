/**
 * `npm run bench withdrawals`: many withdrawals asked for at once, over HTTP, until the chain has
 * settled each. A hot wallet has only so many payments in no block, so they go block by block; the
 * floor is a block that is always full.
 */
import { parseArgs } from 'node:util';
import { BLOCK_SECONDS, type ChainStack, IN_FLIGHT, onChain, untilSettled } from './chainStack.ts';
import { fundPayer, withdraw } from './payer.ts';
import { againstFirst, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { createServiceClient, timeEach } from './serviceClient.ts';

const CALLERS = 20;
const PAYMENT = { asset: 'ETH', amount: '0.001' };

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '1' },
    },
  });
  await onChain((stack) => measure(stack, Number(values.count), Number(values.rounds), tell));
}

async function measure(stack: ChainStack, count: number, rounds: number, tell: Tell) {
  const { url } = await stack.start('service', ['api', 'worker', 'watcher']);
  const client = createServiceClient([url], stack.adminKey, []);
  await fundPayer(client, 'ETH', '100');
  const rates: number[] = [];
  const firsts: number[] = [];
  const waits: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const keys = Array.from({ length: count }, (_, at) => `${round}-${at}`);
    const begun = Date.now();
    await timeEach(keys, CALLERS, (key) => withdraw(client, key, PAYMENT));
    const settled = await untilSettled(stack, 'withdrawal', begun, count);
    waits.push(...settled);
    firsts.push((settled[0] ?? 0) / 1000);
    rates.push((count * 1000) / (settled.at(-1) ?? 1));
  }
  const full = rates.map(() => IN_FLIGHT / BLOCK_SECONDS);
  const seconds = (share: number) => quantile(waits, share) / 1000;
  tell({
    title: `${count} withdrawals of ETH asked for at once, ${IN_FLIGHT} in no block at a time`,
    rows: againstFirst([
      { name: 'blocks that are full (computed)', unit: 'withdrawals/s', rounds: full },
      {
        name: 'until the last one settled',
        unit: 'withdrawals/s',
        rounds: rates,
        more: { 'p50 s': seconds(0.5), 'p99 s': seconds(0.99), 'last s': seconds(1) },
      },
    ]),
  });
  tell({
    title: `the first of ${count} withdrawals, with a block every ${BLOCK_SECONDS} s`,
    rows: [{ name: 'until it settled', unit: 's', rounds: firsts }],
  });
}

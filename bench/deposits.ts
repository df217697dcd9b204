/**
 * `npm run bench deposits`: many customers pay at once; until each is seen, confirmed and has the
 * money. The floor is the time in which the chain itself confirms them.
 */
import { parseArgs } from 'node:util';
import { type ChainStack, onChain, untilSettled } from './chainStack.ts';
import { CONFIRMATIONS, customers, DEPOSIT, payEach } from './depositors.ts';
import { againstFirst, type Tell } from './report.ts';
import { quantile } from './rounds.ts';

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '1' },
    },
  });
  await onChain((stack) => measure(stack, Number(values.count), Number(values.rounds), tell));
}

async function measure(stack: ChainStack, count: number, rounds: number, tell: Tell) {
  const addresses = await customers(stack, 'ETH', count);
  await stack.start('service', ['api', 'worker', 'watcher']);
  const chain: number[] = [];
  const credited: number[] = [];
  const waits: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const begun = Date.now();
    const [confirmed, settled] = await Promise.all([
      payEach(stack, addresses, DEPOSIT).then(() => Date.now() - begun),
      untilSettled(stack, 'deposit', begun, count),
    ]);
    chain.push(confirmed / 1000);
    credited.push((settled.at(-1) ?? 0) / 1000);
    waits.push(...settled);
  }
  const { rows } = await stack.db.query<{ tries: number }>(
    'select sum(tries)::float8 as tries from chain_tasks',
  );
  tell({
    title: `${count} deposits of ETH at once`,
    rows: againstFirst([
      { name: `until ${CONFIRMATIONS} blocks have the last one`, unit: 's', rounds: chain },
      {
        name: 'until everybody has the money',
        unit: 's',
        rounds: credited,
        more: {
          'p50 s': quantile(waits, 0.5) / 1000,
          'hints a deposit': (rows[0]?.tries ?? 0) / count / rounds,
        },
      },
    ]),
  });
}

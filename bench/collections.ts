/**
 * `npm run bench collections`: tokens lie on many deposit addresses that have no gas, and all of
 * them are to come to the hot wallet: a top-up, its finality, then the collection, of each. The hot
 * wallet has only so many payments in no block; the floor is top-ups in blocks that are full.
 */
import { parseArgs } from 'node:util';
import { readAsset } from '../src/ledger/assets.ts';
import { putTreasuryRule } from '../src/ledger/treasuryRules.ts';
import {
  BLOCK_SECONDS,
  type ChainStack,
  IN_FLIGHT,
  onChain,
  STRANGER,
  untilSettled,
} from './chainStack.ts';
import { customers, payEach } from './depositors.ts';
import { fundPayer, withdraw } from './payer.ts';
import { againstFirst, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { createServiceClient } from './serviceClient.ts';

/** One USDX each. */
const UNITS = 1_000_000n;
/** Room for any fee of anvil. */
const MAX_FEE = '0.01';
/** Beside these there are top-ups, see `docs/chain.md`. */
const OF_TOKENS = 'collection:chain:';

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({ args, options: { count: { type: 'string', default: '200' } } });
  await onChain((stack) => measure(stack, Number(values.count), tell));
}

async function measure(stack: ChainStack, count: number, tell: Tell) {
  const { db } = stack;
  const addresses = await customers(stack, 'USDX', count);
  const { url } = await stack.start('service', ['api', 'worker', 'watcher']);
  await fundStranger(stack, url, count);
  const contract = (await readAsset(db, 'USDX'))?.contract ?? null;
  const paid = Date.now();
  await Promise.all([
    payEach(stack, addresses, { contract, units: UNITS }),
    untilSettled(stack, 'deposit', paid, count),
  ]);
  const begun = Date.now();
  const marks = { lowWater: null, highWater: null, coldAddress: null };
  await putTreasuryRule(db, { asset: 'USDX', minAmount: '0.5', maxFee: MAX_FEE, ...marks });
  const collected = await untilSettled(stack, 'collection', begun, count, OF_TOKENS);
  const floor = Math.ceil(count / IN_FLIGHT) * BLOCK_SECONDS;
  tell({
    title: `${count} addresses with USDX and no gas, ${IN_FLIGHT} top-ups in no block at a time`,
    rows: againstFirst([
      { name: 'top-ups in blocks that are full (computed)', unit: 's', rounds: [floor] },
      {
        name: 'until the last one is collected',
        unit: 's',
        rounds: [(collected.at(-1) ?? 0) / 1000],
        more: { 'p50 s': quantile(collected, 0.5) / 1000, 'first s': (collected[0] ?? 0) / 1000 },
      },
    ]),
  });
}

/** Tokens leave the hot wallet as everybody's do, or the books would not know of it. */
async function fundStranger(stack: ChainStack, url: string, count: number): Promise<void> {
  const client = createServiceClient([url], stack.adminKey, []);
  const begun = Date.now();
  await fundPayer(client, 'USDX', String(count));
  await withdraw(client, 'tokens', { asset: 'USDX', amount: String(count), destination: STRANGER });
  await untilSettled(stack, 'withdrawal', begun, 1);
}

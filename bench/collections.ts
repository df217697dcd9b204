/**
 * `npm run bench collections`: tokens lie on many deposit addresses that have no gas, and all of
 * them are to come to the hot wallet: a top-up, its finality, then the collection, of each. The hot
 * wallet has only so many payments in no block; the floor is top-ups in blocks that are full.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readAsset } from '../src/ledger/assets.ts';
import { putTreasuryRule } from '../src/ledger/treasuryRules.ts';
import { BLOCK_SECONDS, type ChainStack, onChain, STRANGER, untilSettled } from './chainStack.ts';
import { customers, payEach } from './depositors.ts';
import { againstFirst, type Tell } from './report.ts';
import { quantile } from './rounds.ts';
import { createServiceClient } from './serviceClient.ts';

/** The default of `WITHDRAWALS_IN_FLIGHT`. */
const IN_FLIGHT = 16;
/** One USDX each. */
const UNITS = 1_000_000n;
/** Room for any fee of anvil. */
const MAX_FEE = '0.01';
const LOOK_MS = 200;
const PATIENCE_MS = 15 * 60_000;

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
  const collected = await untilCollected(stack, begun, count);
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
  const amount = String(count);
  const begun = Date.now();
  await client.post('/v1/wallets', 'payer', {
    id: 'payer',
    owner: 'desk',
    asset: 'USDX',
    kind: 'user',
  });
  await client.post('/v1/transfers', 'fund', {
    settle: 'immediate',
    legs: [
      { wallet: 'treasury:USDX', type: 'DEBIT', amount },
      { wallet: 'payer', type: 'CREDIT', amount },
    ],
  });
  await client.post('/v1/withdrawals', 'tokens', {
    wallet: 'payer',
    amount,
    destination: STRANGER,
  });
  await untilSettled(stack, 'withdrawal', begun, 1);
}

/** When each address was empty, in milliseconds from `since` on, the earliest first. */
async function untilCollected({ db }: ChainStack, since: number, count: number): Promise<number[]> {
  for (;;) {
    const { rows } = await db.query<{ at: Date }>(
      `select finished_at as at from transfer_groups
       where kind = 'collection' and status = 'SETTLED' and id like 'collection:chain:%'
       order by 1`,
    );
    if (rows.length >= count) return rows.map(({ at }) => at.getTime() - since);
    if (Date.now() > since + PATIENCE_MS) throw new Error(`${rows.length} of ${count} collected`);
    await sleep(LOOK_MS);
  }
}

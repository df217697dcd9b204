/** What the service does all day, each so many times, for `bench/history.ts`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRpc } from '../src/chains/evm/rpc.ts';
import { putApprovalRule } from '../src/ledger/approvalRules.ts';
import { putTreasuryRule } from '../src/ledger/treasuryRules.ts';
import { BLOCK_SECONDS, type ChainStack, IN_FLIGHT, untilSettled } from './chainStack.ts';
import { DEPOSIT, payEach } from './depositors.ts';
import { fundPayer, withdraw } from './payer.ts';
import { createServiceClient, type ServiceClient, timeEach } from './serviceClient.ts';

/** One sort of work. */
export interface Work {
  name: string;
  /** Does it so many times, and resolves when all of it has ended. */
  run(count: number): Promise<void>;
}

interface World {
  stack: ChainStack;
  client: ServiceClient;
  /** Has a key of its own, so that it can agree to what the client asked for. */
  checker: ServiceClient;
  /** Of customers, who are paid in turns. */
  addresses: string[];
  /** Never the same twice. */
  keys(count: number): string[];
}

const CALLERS = 20;
const LOOK_MS = 200;
/** For a payment that is to be sent, a run that is to end: beyond it something stands still. */
const PATIENCE_MS = 120_000;
const FUNDS = '1000';
const AMOUNT = '0.001';
/** From here on a withdrawal wants somebody's yes. */
const CAREFUL = '0.002';

/** All sorts of work, with what they need in the books. */
export async function worksOf(
  stack: ChainStack,
  url: string,
  addresses: string[],
): Promise<Work[]> {
  const client = createServiceClient([url], stack.adminKey, stack.pairs);
  const { key = '' } = (await client.post('/v1/api-keys', 'checker', CHECKER)) ?? {};
  const checker = createServiceClient([url], key, []);
  for (const asset of ['ETH', 'USDX']) await fundPayer(client, asset, FUNDS);
  await putApprovalRule(stack.db, ASK);
  await putTreasuryRule(stack.db, COLLECT);
  let made = 0;
  const keys = (count: number) => Array.from({ length: count }, () => `work-${made++}`);
  const world = { stack, client, checker, addresses, keys };
  return Object.entries(WORKS).map(([name, run]) => ({ name, run: (count) => run(world, count) }));
}

const WORKS: Record<string, (world: World, count: number) => Promise<void>> = {
  'transfer that is held and settled': async ({ client, keys }, count) => {
    await timeEach(keys(count), CALLERS, async (key) => {
      await client.settle((await client.open(key, 'manual')) ?? '');
    });
  },
  'transfer that is reversed': async ({ client, keys }, count) => {
    await timeEach(keys(count), CALLERS, async (key) => {
      const id = encodeURIComponent((await client.open(key, 'immediate')) ?? '');
      await client.post(`/v1/transfers/${id}/reverse`, key, { reason: 'a mistake' });
    });
  },
  'line of a payout run': async ({ stack, client, keys }, count) => {
    const [wallet] = stack.pairs[0] ?? [];
    const lines = Array.from({ length: count }, (_, at) => ({
      wallet: stack.pairs[at % stack.pairs.length]?.[1],
      amount: '0.01',
    }));
    const [key = ''] = keys(1);
    const run = await client.post('/v1/payout-runs', key, { wallet, lines });
    const path = `/v1/payout-runs/${encodeURIComponent(run?.id ?? '')}`;
    await until(async () => (await client.get(path)).status === 'DONE');
  },
  'deposit that is collected': async ({ stack, addresses }, count) => {
    const begun = Date.now();
    const paid = Array.from({ length: count }, (_, at) => addresses[at % addresses.length] ?? '');
    await Promise.all([
      payEach(stack, paid, DEPOSIT),
      untilSettled(stack, 'deposit', begun, count),
    ]);
    await until(async () => (await uncollected(stack)) === 0);
  },
  withdrawal: (world, count) => withdrawAll(world, count, 'ETH'),
  'withdrawal in a batch': (world, count) => withdrawAll(world, count, 'USDX'),
  'withdrawal that wants a yes': async ({ stack, client, checker, keys }, count) => {
    const begun = Date.now();
    await timeEach(keys(count), CALLERS, async (key) => {
      const id = await withdraw(client, key, { asset: 'ETH', amount: CAREFUL });
      const path = `/v1/withdrawals/${encodeURIComponent(id)}/approve`;
      await checker.post(path, key, { reason: 'looked at' });
    });
    await untilSettled(stack, 'withdrawal', begun, count);
  },
  'withdrawal whose payment is replaced': async (world, count) => {
    for (let done = 0; done < count; done += IN_FLIGHT) {
      await replaceAll(world, Math.min(IN_FLIGHT, count - done));
    }
  },
};

const ASK = {
  id: 'careful',
  asset: 'ETH',
  owner: null,
  walletKind: null,
  from: CAREFUL,
  approvals: 1,
};
const CHECKER = { name: 'checker', scopes: ['read', 'operate'] };
/** Room for any fee of anvil. */
const COLLECT = {
  asset: 'ETH',
  minAmount: '0.0009',
  maxFee: '0.0008',
  lowWater: null,
  highWater: null,
  coldAddress: null,
};

async function withdrawAll({ stack, client, keys }: World, count: number, asset: string) {
  const begun = Date.now();
  await timeEach(keys(count), CALLERS, (key) => withdraw(client, key, { asset, amount: AMOUNT }));
  await untilSettled(stack, 'withdrawal', begun, count);
}

/** No block is made until all payments were sent twice, the second time for more. */
async function replaceAll({ stack, client, keys }: World, count: number): Promise<void> {
  const rpc = connectRpc(stack.rpcUrl);
  const begun = Date.now();
  const ids: string[] = [];
  const sent = async () => {
    const { rows } = await stack.db.query<{ sent: number }>(
      `select count(*)::int as sent from withdrawal_attempts
        where group_id = any($1) and outcome = 'broadcast'`,
      [ids],
    );
    return rows[0]?.sent;
  };
  await rpc('evm_setIntervalMining', 0);
  try {
    await timeEach(keys(count), CALLERS, async (key) => {
      ids.push(await withdraw(client, key, { asset: 'ETH', amount: AMOUNT }));
    });
    await until(async () => (await sent()) === count);
    await timeEach(ids, CALLERS, (id) =>
      client.hint(`/v1/withdrawals/${encodeURIComponent(id)}/speed-up`, id, {}),
    );
    await until(async () => (await sent()) === 2 * count);
  } finally {
    await rpc('evm_setIntervalMining', BLOCK_SECONDS);
  }
  await untilSettled(stack, 'withdrawal', begun, count);
}

/** Addresses whose coins are worth collecting: what is on its way is no longer counted there. */
async function uncollected({ db }: ChainStack): Promise<number> {
  const { rows } = await db.query<{ left: number }>(
    `select (select count(*) from deposit_address_balances where asset = $1 and amount >= $2)::int
      as left`,
    [COLLECT.asset, COLLECT.minAmount],
  );
  return rows[0]?.left ?? 0;
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const patience = Date.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (Date.now() > patience) throw new Error('What was asked for does not come to an end.');
    await sleep(LOOK_MS);
  }
}

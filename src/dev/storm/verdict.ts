/** The books against the canonical chain, by a plain model. What differs is told in sentences. */
import { createHash } from 'node:crypto';
import { createPool } from '../../db/pool.ts';
import { audit } from '../../ledger/audit.ts';
import { judgeApprovals, needsApproval } from './approvals.ts';
import { judgeBatches } from './batches.ts';
import { balanceOf, type Canon, type Payment, readCanon } from './canon.ts';
import { judgeSweeps, readSweeps } from './coldSweeps.ts';
import { judgeCollections } from './collections.ts';
import { ASSETS, type Asset, DESK, unitsOfText, walletOf } from './customers.ts';
import { judgeDestinations } from './destinations.ts';
import { judgeHooks } from './hooks.ts';
import { LEAST_DEPOSIT } from './shop.ts';
import type { Storm, Withdrawal } from './storm.ts';

interface Books {
  settled(wallet: string): bigint;
  /** What a wallet owes for coins that went away again. */
  owed(wallet: string): bigint;
  /** What transfers between customers moved to a wallet, or (negative) from it. */
  moved(wallet: string): bigint;
}

/** Everything that is not as it must be. @returns also a hash of the state that was reached */
export async function judge(storm: Storm): Promise<{ differences: string[]; hash: string }> {
  const canon = await readCanon(storm);
  const books = await readBooks(storm);
  const sweeps = await readSweeps(storm);
  storm.sweeps = sweeps;
  const { paid, rest } = paidOf(storm, canon);
  const differences = [
    ...(await chainTotals(storm, canon, books)),
    ...wallets(storm, canon, books),
    ...(await withdrawals(storm, canon)),
    ...judgeSweeps(storm, sweeps, paid, books.settled),
    ...judgeDestinations(storm, paid, needsApproval),
    ...(await judgeCollections(storm, canon, rest)),
    ...(await judgeBatches(storm)),
    ...(await judgeHooks(storm)),
    ...(await ownReports(storm)),
  ];
  return { differences, hash: await hashOf(storm) };
}

function differ(what: string, is: unknown, must: unknown): string[] {
  return is === must ? [] : [`${what} is ${String(is)}, but must be ${String(must)}`];
}

function sum(list: readonly { units: bigint }[]): bigint {
  return list.reduce((all, { units }) => all + units, 0n);
}

async function readBooks({ world: { database } }: Storm): Promise<Books> {
  const read = async (sql: string) => {
    const rows = await database.ask<{ wallet: string; asset: Asset; amount: string }>(sql);
    const map = new Map(
      rows.map(({ wallet, asset, amount }) => [wallet, unitsOfText(asset, amount)]),
    );
    return (wallet: string) => map.get(wallet) ?? 0n;
  };
  return {
    settled: await read(
      `select w.id as wallet, w.asset, coalesce(sum(e.amount), 0)::text as amount
       from wallets w left join ledger_entries e on e.wallet_id = w.id and e.status = 'SETTLED'
       group by w.id, w.asset`,
    ),
    owed: await read(
      `select s.wallet_id as wallet, w.asset, sum(s.remaining)::text as amount
       from wallet_shortfalls s join wallets w on w.id = s.wallet_id group by s.wallet_id, w.asset`,
    ),
    moved: await read(
      `select e.wallet_id as wallet, w.asset, sum(e.amount)::text as amount
       from ledger_entries e join wallets w on w.id = e.wallet_id
       join transfer_groups g on g.id = e.group_id
       where g.kind = 'transfer' and e.status = 'SETTLED' group by e.wallet_id, w.asset`,
    ),
  };
}

/** Per asset: what lies on our addresses is what the books say that the outside owes us. */
async function chainTotals(storm: Storm, canon: Canon, books: Books): Promise<string[]> {
  const { hot } = storm.world;
  const found: string[] = [];
  for (const asset of ASSETS) {
    let total = await balanceOf(storm.world, hot, asset);
    for (const { owner, address } of storm.customers) {
      const balance = await balanceOf(storm.world, address, asset);
      const isOf = (each: { asset: Asset }) => each.asset === asset;
      const came = [...canon.payouts, ...canon.payments].filter(({ to }) => to === address);
      const went = canon.collected.filter(({ from }) => from === address);
      const gas = asset === 'ETH' ? (canon.gas.get(address) ?? 0n) : 0n;
      const rest = sum(came.filter(isOf)) - sum(went.filter(isOf)) - gas;
      // The model against the chain itself: if this fails, the storm is wrong and not the books.
      found.push(...differ(`what ${owner}'s address has left in ${asset}`, rest, balance));
      total += balance;
    }
    found.push(...differ(`external:${asset}`, -books.settled(`external:${asset}`), total));
  }
  const { costs } = paidOf(storm, canon);
  const customers = storm.withdrawals.reduce((all, each) => all + customersFee(each, costs), 0n);
  const gas = [...canon.gas.values()].reduce((all, each) => all + each, -customers);
  found.push(...differ('network-fees:ETH', -books.settled('network-fees:ETH'), gas));
  return found;
}

/** Per wallet: deposits less payments and transfers; what is missing is owed, to the last unit. */
function wallets(storm: Storm, canon: Canon, books: Books): string[] {
  const { customers, withdrawals: all } = storm;
  const found: string[] = [];
  const { paid, costs, payments } = paidOf(storm, canon);
  // Gas that we bring to our own address is nobody's deposit, and what we collect is no loss.
  const came = [...canon.payouts, ...payments];
  for (const asset of ASSETS) {
    const isDust = (units: bigint) => units < LEAST_DEPOSIT[asset];
    let owed = 0n;
    let dust = 0n;
    for (const { owner, address } of customers) {
      const wallet = walletOf(owner, asset);
      const events = came.filter((each) => each.to === address && each.asset === asset);
      dust += sum(events.filter(({ units }) => isDust(units)));
      const own = all.filter((each) => each.wallet === wallet);
      const gone = own.reduce(
        (sum, each) => sum + (paid.has(each.groupId) ? each.units : 0n) + customersFee(each, costs),
        0n,
      );
      const must = sum(events.filter(({ units }) => !isDust(units))) - gone + books.moved(wallet);
      const is = books.settled(wallet) - books.owed(wallet);
      found.push(...differ(`${wallet} without what it owes`, is, must));
      if (books.settled(wallet) < 0n) found.push(`${wallet} is negative`);
      owed += books.owed(wallet);
    }
    const nobody = `unattributed:${asset}`;
    const desk = walletOf(DESK, asset);
    const had = [nobody, desk].map((wallet) => books.settled(wallet) - books.owed(wallet));
    owed += books.owed(nobody) + books.owed(desk);
    found.push(
      ...differ(
        `what nobody owns of ${asset}`,
        had.reduce((a, b) => a + b),
        dust,
      ),
    );
    found.push(...differ(`shortfall:${asset}`, books.settled(`shortfall:${asset}`), -owed));
  }
  return found;
}

interface Paid {
  /** Groups of withdrawals that the chain paid. */
  paid: ReadonlyMap<string, Payment>;
  /** What the network took for a withdrawal, also where its payment failed, in wei. */
  costs: ReadonlyMap<string, bigint>;
  payments: Payment[];
  /** What the hot wallet paid besides. */
  rest: Payment[];
}

/** What a withdrawal's customer pays for the network: its payment's fee, up to what was said. */
function customersFee({ groupId, maxFee }: Withdrawal, costs: Paid['costs']): bigint {
  const gas = costs.get(groupId) ?? 0n;
  if (maxFee === null) return 0n;
  return gas < maxFee ? gas : maxFee;
}

/** Withdrawals that the chain paid. Those to addresses of ours are found by their exact amount. */
function paidOf({ withdrawals: asked, sweeps }: Storm, canon: Canon): Paid {
  const rest = [...canon.payments];
  const payments: Payment[] = [];
  const paid = new Map<string, Payment>();
  const costs = new Map<string, bigint>();
  for (const { groupId, destination, asset, units } of [...asked, ...sweeps]) {
    const isOf = (each: Payment) =>
      each.to === destination && each.asset === asset && each.units === units;
    const failed = canon.failures.find(isOf);
    if (failed) costs.set(groupId, failed.gas);
    const at = rest.findIndex(isOf);
    if (at < 0) continue;
    const [payment] = rest.splice(at, 1) as [Payment];
    payments.push(payment);
    paid.set(groupId, payment);
    costs.set(groupId, payment.gas);
  }
  return { paid, costs, payments, rest };
}

/** Each was paid at most once, and as its group says; of the rest `collections.ts` takes care. */
async function withdrawals(storm: Storm, canon: Canon): Promise<string[]> {
  const rows = await storm.world.database.ask<{ id: string; status: string }>(
    "select id, status from transfer_groups where kind = 'withdrawal'",
  );
  const status = new Map(rows.map((row) => [row.id, row.status]));
  const { paid } = paidOf(storm, canon);
  const all = [...storm.withdrawals, ...storm.sweeps];
  const known = new Set(all.map(({ groupId }) => groupId));
  return [
    ...all.flatMap(({ groupId }) =>
      differ(`${groupId} settled`, status.get(groupId) === 'SETTLED', paid.has(groupId)),
    ),
    ...judgeApprovals(storm, all, paid),
    ...rows.flatMap(({ id }) => (known.has(id) ? [] : [`${id} is a withdrawal of nobody`])),
  ];
}

/** What the service says of itself. */
async function ownReports({ world }: Storm): Promise<string[]> {
  const { client, database } = world;
  const db = createPool({ databaseUrl: database.url, size: 1, applicationName: 'storm' });
  try {
    const report = await audit(db);
    const { body } = await client.get('/v1/reconciliation');
    const drifts = (body.chain ?? []) as { asset: string; drift: string }[];
    const { body: chains } = await client.get('/v1/chains');
    const halts = (chains.data ?? []).flatMap((chain: { halts: unknown[] }) => chain.halts);
    return [
      ...report.faults.map((fault) => `audit: ${JSON.stringify(fault)}`),
      ...differ('balanced', body.balanced, true),
      ...differ('reconciled assets', drifts.length, ASSETS.length),
      ...drifts.flatMap(({ asset, drift }) => differ(`drift of ${asset}`, drift, '0')),
      ...differ('halts', JSON.stringify(halts), '[]'),
      ...client.faults,
    ];
  } finally {
    await db.end();
  }
}

async function hashOf({ world: { database } }: Storm): Promise<string> {
  const rows = await database.ask(
    `select w.id, sum(e.amount)::text as settled from wallets w
     join ledger_entries e on e.wallet_id = w.id and e.status = 'SETTLED'
     group by w.id
     union all select id, status::text || coalesce(reason, '') from transfer_groups order by 1, 2`,
  );
  return createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16);
}

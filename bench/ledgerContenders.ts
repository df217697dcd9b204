/**
 * What `bench/ledger.ts` compares: the ledger's verbs, and the bare statements under any ledger.
 */
import { groupId, stepKey } from '../src/contracts/ids.ts';
import type { Db } from '../src/db/pool.ts';
import { createAsset } from '../src/ledger/assets.ts';
import { openTransfer } from '../src/ledger/openTransfer.ts';
import { settle } from '../src/ledger/settle.ts';
import { createWallet } from '../src/ledger/wallets.ts';

/** Spread: two transfers at once rarely meet in a wallet. */
const WALLETS = 1_000;
/** A user's wallet like any other, that everybody pays. */
const MERCHANT = 'merchant';
const AMOUNT = '1.25';
/** Nobody runs dry. */
const FUNDS = '1000000000';
const ACTOR = { name: 'bench', admin: true };

/** One operation on the connection it is given. */
export type Operation = (db: Db) => Promise<void>;

let serial = 0;

function nextKey(): string {
  serial += 1;
  return `k${serial}`;
}

/** Who pays and who is paid. */
type Pick = () => [string, string];

export function anyWallet(): string {
  return `wallet-${Math.floor(Math.random() * WALLETS)}`;
}

/** Any two of so many things, by their numbers. */
export function anyTwo(count: number): [number, number] {
  const from = Math.floor(Math.random() * count);
  return [from, (from + 1 + Math.floor(Math.random() * (count - 1))) % count];
}

/** Any two of the first so many of the 1,000 wallets. */
export const spreadOver =
  (count: number): Pick =>
  () => {
    const [from, to] = anyTwo(count);
    return [`wallet-${from}`, `wallet-${to}`];
  };
const spread = spreadOver(WALLETS);
const toMerchant: Pick = () => [anyWallet(), MERCHANT];
const toFees: Pick = () => [anyWallet(), 'fees:BENCH'];
const fromOutside: Pick = () => ['external:BENCH', anyWallet()];

/** One group of so many movements, two legs each. */
async function open(
  db: Db,
  key: string,
  isImmediate: boolean,
  pick: Pick,
  movements = 1,
): Promise<void> {
  const legs = Array.from({ length: movements }, pick).flatMap(([from, to]) => [
    { wallet: from, type: 'DEBIT' as const, amount: AMOUNT },
    { wallet: to, type: 'CREDIT' as const, amount: AMOUNT },
  ]);
  const outcome = await openTransfer(db, {
    groupId: groupId('transfer', 'bench', key),
    stepKey: stepKey('create', 'bench', key),
    actor: ACTOR,
    client: 'bench',
    legs,
    settle: isImmediate ? 'immediate' : 'manual',
    expiresIn: isImmediate ? null : 86_400,
    reference: null,
    metadata: {},
    acceptBy: null,
  });
  if (outcome.outcome !== 'done') throw new Error(`the hold was ${outcome.outcome}`);
}

/** A hold and its settlement, one call each, of one movement or many. */
export function pairOf(pick: Pick, movements = 1): Operation {
  return async (db) => settleHeld(db, await hold(db, pick, movements));
}

/** The first half of a pair; answers what the second one wants. */
export async function hold(db: Db, pick: Pick = spread, movements = 1): Promise<string> {
  const key = nextKey();
  await open(db, key, false, pick, movements);
  return key;
}

/** The second half. */
export async function settleHeld(db: Db, key: string): Promise<void> {
  const outcome = await settle(db, {
    groupId: groupId('transfer', 'bench', key),
    stepKey: stepKey('settle', 'bench', key),
    actor: ACTOR,
    legs: null,
    final: true,
  });
  if (outcome.outcome !== 'done') throw new Error(`the settlement was ${outcome.outcome}`);
}

export const pair = pairOf(spread);

/** Held and settled in one call. */
export function immediateOf(pick: Pick, movements = 1): Operation {
  return (db) => open(db, nextKey(), true, pick, movements);
}

export const immediate = immediateOf(spread);

/** The same pairs where every one of them touches one and the same wallet. */
export const hotPairs: Record<string, Operation> = {
  'pairs to one merchant': pairOf(toMerchant),
  'pairs to the fee wallet': pairOf(toFees),
  'pairs from the outside': pairOf(fromOutside),
};

/** Two transactions, each of two guarded updates and two inserts, statement by statement. */
export const floorPair: Operation = async (db) => {
  await floorTransaction(db);
  await floorTransaction(db);
};

async function floorTransaction(db: Db): Promise<void> {
  const wallets = spread();
  // In one order, as the ledger does it: else they would wait for each other in a circle.
  const [first, second] = [...wallets].sort();
  const change = (wallet: string | undefined) => (wallet === wallets[0] ? `-${AMOUNT}` : AMOUNT);
  const update =
    'update floor_balances set balance = balance + $2 where id = $1 and balance + $2 >= 0';
  const insert = 'insert into floor_entries (wallet_id, amount) values ($1, $2)';
  await db.query('begin');
  await db.query({ name: 'floor_update', text: update, values: [first, change(first)] });
  await db.query({ name: 'floor_update', text: update, values: [second, change(second)] });
  await db.query({ name: 'floor_insert', text: insert, values: [first, change(first)] });
  await db.query({ name: 'floor_insert', text: insert, values: [second, change(second)] });
  await db.query('commit');
}

/**
 * The wallets of both, funded alike.
 *
 * @param db one connection; it is the owner's afterwards, who alone may make the floor's tables
 */
export async function prepare(db: Db): Promise<void> {
  await createAsset(db, { code: 'BENCH', scale: 2 });
  const legs: { wallet: string; type: 'DEBIT' | 'CREDIT'; amount: string }[] = [];
  for (let index = 0; index < WALLETS; index += 1) {
    const id = `wallet-${index}`;
    await createWallet(db, { id, owner: id, asset: 'BENCH', kind: 'user', metadata: {} });
    legs.push({ wallet: 'external:BENCH', type: 'DEBIT', amount: FUNDS });
    legs.push({ wallet: id, type: 'CREDIT', amount: FUNDS });
  }
  await createWallet(db, {
    id: MERCHANT,
    owner: MERCHANT,
    asset: 'BENCH',
    kind: 'user',
    metadata: {},
  });
  const funded = await openTransfer(db, {
    groupId: groupId('transfer', 'bench', 'funds'),
    stepKey: stepKey('create', 'bench', 'funds'),
    actor: ACTOR,
    client: 'bench',
    legs,
    settle: 'immediate',
    expiresIn: null,
    reference: null,
    metadata: {},
    acceptBy: null,
  });
  if (funded.outcome !== 'done') throw new Error(`the funding was ${funded.outcome}`);
  await db.query('set role none');
  await db.query(`
    create table floor_balances (id text primary key, balance numeric not null)
      with (fillfactor = 50);
    create table floor_entries (id bigint generated always as identity primary key,
      wallet_id text not null, amount numeric not null,
      created_at timestamptz not null default clock_timestamp());
    insert into floor_balances select id, ${FUNDS} from wallets where owner = id;
    grant select, insert, update on floor_balances, floor_entries to holdfast_app;
  `);
  await db.query('vacuum analyze');
}

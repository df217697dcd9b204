/** A small world for ledger tests: an asset of scale 2, wallets, and steps with short inputs. */
import { groupId, stepKey } from '../../src/contracts/ids.ts';
import type { LegInput, StepOutcome } from '../../src/contracts/steps.ts';
import type { Pool } from '../../src/db/pool.ts';
import { createAsset, type NewAsset } from '../../src/ledger/assets.ts';
import { confirmDeposit } from '../../src/ledger/confirmDeposit.ts';
import { listGroupEntries } from '../../src/ledger/entries.ts';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { createWallet, readWallet } from '../../src/ledger/wallets.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';

const CLIENT = 'shop';
const ACTOR = { name: CLIENT, admin: false };

/** Makes a database with the asset USD (scale 2). */
export async function createWorld(): Promise<TestDatabase & { db: Pool }> {
  const database = await createTestDatabase();
  await createAsset(database.pool, { code: 'USD', scale: 2 });
  return { ...database, db: database.pool };
}

let made = 0;

/** A key, wallet id or name that no other test of this file uses. */
export function unique(prefix: string): string {
  made += 1;
  return `${prefix}-${made}`;
}

/** What every step carries. `key` is the client's idempotency key. */
export function step(verb: Parameters<typeof stepKey>[0], group: string, key = unique('key')) {
  return { groupId: group, stepKey: stepKey(verb, CLIENT, key), actor: ACTOR };
}

/** Opens a wallet and puts `amount` into it by a confirmed deposit; "0": nothing. */
export async function walletWith(db: Pool, amount: string, asset = 'USD', owner = unique('owner')) {
  const id = unique('w');
  const made = await createWallet(db, { id, owner, asset });
  if ('refusal' in made) throw new Error(made.refusal.detail);
  if (amount !== '0') await putIn(db, id, amount);
  return id;
}

/** Deposits into a wallet and confirms. */
export async function putIn(db: Pool, wallet: string, amount: string): Promise<void> {
  const key = unique('seed');
  const id = groupId('deposit', CLIENT, key);
  const rest = { txid: null, ordinal: null, source: null, metadata: {}, acceptBy: null };
  await done(
    openDeposit(db, { ...step('create', id, key), client: CLIENT, wallet, amount, ...rest }),
  );
  await done(confirmDeposit(db, { ...step('confirm', id), amount: null, final: true, txid: null }));
}

export const debit = (wallet: string, amount: string): LegInput => ({
  wallet,
  type: 'DEBIT',
  amount,
});
export const credit = (wallet: string, amount: string): LegInput => ({
  wallet,
  type: 'CREDIT',
  amount,
});

/** Input of `openTransfer` with everything defaulted but the legs. */
export function transferInput(
  legs: LegInput[],
  options: { key?: string; settle?: 'immediate' | 'manual'; expiresIn?: number } = {},
) {
  const { key = unique('key'), settle = 'manual', expiresIn = 3600 } = options;
  return {
    ...step('create', groupId('transfer', CLIENT, key), key),
    client: CLIENT,
    legs,
    settle,
    expiresIn: settle === 'manual' ? expiresIn : null,
    reference: null,
    metadata: {},
    acceptBy: null,
  };
}

/** Opens a held group and returns its id. */
export async function hold(db: Pool, legs: LegInput[], expiresIn?: number): Promise<string> {
  const input = transferInput(legs, expiresIn === undefined ? {} : { expiresIn });
  await done(openTransfer(db, input));
  return input.groupId;
}

/** `amount` held from wallet `a`, which has just that, to an empty `b`. */
export async function heldPair(db: Pool, amount: string, expiresIn?: number) {
  const [a, b] = [await walletWith(db, amount), await walletWith(db, '0')];
  return { a, b, group: await hold(db, [debit(a, amount), credit(b, amount)], expiresIn) };
}

/** The outcome of a step that must have taken effect. */
export async function done(call: Promise<StepOutcome>) {
  const outcome = await call;
  if (outcome.outcome !== 'done') throw new Error(`not done: ${JSON.stringify(outcome)}`);
  return outcome;
}

/** The refusal's code, or the outcome where it is no refusal. */
export async function codeOf(call: Promise<StepOutcome>): Promise<string> {
  const outcome = await call;
  return outcome.outcome === 'refused' ? outcome.refusal.code : outcome.outcome;
}

/** `[available, pendingIn, held]` of a wallet. */
export async function amounts(db: Pool, wallet: string): Promise<string[]> {
  const found = await readWallet(db, wallet);
  if (found === null) throw new Error(`no wallet ${wallet}`);
  const { available, pendingIn, held } = found.balance;
  return [available, pendingIn, held];
}

/** A group's entries as `STATUS amount`, oldest first. */
export async function rowsOf(db: Pool, group: string): Promise<string[]> {
  const { data } = await listGroupEntries(db, group, { limit: 200 });
  return data.map(({ status, amount }) => `${status} ${amount}`);
}

/** Registers another asset; throws where it is refused. */
export async function addAsset(db: Pool, asset: NewAsset): Promise<void> {
  const made = await createAsset(db, asset);
  if ('refusal' in made) throw new Error(made.refusal.detail);
}

/** The database's part of payments by custodians; see migrations 0056 to 0059. */
import { type ChainStepOutcome, callChainStep } from '../chains/chainStep.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { CustodyWord } from './custodian.ts';

/** A payment, and the custodian's last word on it. */
export interface CustodyPayment {
  groupId: string;
  custodian: string;
  asset: string;
  scale: number;
  amount: Amount;
  destination: string;
  /** CAIP-2 of the chain where it is looked up; null: the custodian's word counts. */
  chain: string | null;
  contract: string | null;
  began: boolean;
  /** `unknown`: no word came yet; `refused`: it said that it does not take it. */
  status: CustodyWord['status'] | 'unknown' | 'refused' | null;
  reference: string | null;
  /** Every transaction that it ever named. */
  txids: string[];
}

export type CustodyBegun =
  | { result: 'begun'; payment: CustodyPayment }
  | { result: 'waiting'; why: string }
  | { result: 'ended' };

/** Where a payment was found: the block, and the places of all events that could be it. */
export interface PaidInBlock {
  txid: string;
  ordinals: string[];
  height: number;
  blockHash: string;
}

/** A transaction of a payment that a block has, and that does not pay it. */
export interface UnpaidInBlock extends Omit<PaidInBlock, 'ordinals'> {
  /** Why what it holds is not the payment, in a sentence; null: it holds nothing like it. */
  why: string | null;
}

/** One that may pay yet. */
export interface OpenTransaction {
  txid: string;
}

/** What an asset is bound to. */
export interface CustodyBinding {
  asset: string;
  custodian: string;
  chain: string | null;
  contract: string | null;
  final: 'finalized' | 'safe' | number;
}

/** Binds an asset to a custodian from now on. Answers why it cannot be, in a sentence, or null. */
export async function bindAsset(db: Db, binding: CustodyBinding): Promise<string | null> {
  const { asset, custodian, chain, contract, final } = binding;
  const values = [asset, custodian, chain, contract, JSON.stringify(final)];
  return one(db, 'custody_bind_asset', values);
}

/**
 * From its commit on the custodian may have the payment, and nobody releases it.
 *
 * @param known the custodians that the caller can ask
 */
export async function beginCustody(
  db: Db,
  groupId: string,
  known: readonly string[],
): Promise<CustodyBegun> {
  const begun = await one<CustodyBegun>(db, 'custody_begin', [groupId, known]);
  if (!begun) throw new Error('custody_begin answered nothing');
  return begun;
}

/** What was made of a word. */
interface Recorded {
  payment: CustodyPayment;
  /** It told several ids for the payment, which has failed when all of them have. */
  contradicts: boolean;
  /** All that it told, each with its last word on it; left out where no word was noted. */
  references?: string[] | null;
}

/** Notes the custodian's word. */
export async function recordWord(
  db: Db,
  groupId: string,
  status: NonNullable<CustodyPayment['status']>,
  word: Partial<CustodyWord>,
): Promise<Recorded> {
  const { reference = null, txid = null, detail = null } = word;
  const values = [groupId, status, reference, txid, detail];
  const recorded = await one<Recorded>(db, 'custody_record', values);
  if (!recorded) throw new Error('custody_record answered nothing');
  return recorded;
}

/** Notes that the custodian is about to be asked to pay. Only the first time counts. */
export async function noteAsked(db: Db, groupId: string): Promise<void> {
  await one(db, 'custody_note_asked', [groupId]);
}

/**
 * Why what has the amount of a payment is not that payment, in a sentence, or null: its block was
 * there before the custodian was asked, our own signer made it, or other withdrawals were settled
 * by it.
 */
export async function foreignFault(
  db: Db,
  groupId: string,
  found: PaidInBlock,
): Promise<string | null> {
  const { rows } = await withRetry(() =>
    db.query<{ fault: string | null }>({
      name: 'custody_foreign_fault',
      text: `select custody_foreign_fault(c, $2) as fault from custody_payments c
        where c.group_id = $1`,
      values: [groupId, JSON.stringify(found)],
    }),
  );
  return rows[0]?.fault ?? null;
}

/** Settles by an event in a final block, or by the custodian's word where no chain is looked at. */
export function settleCustody(
  db: Db,
  groupId: string,
  paid: PaidInBlock | null,
): Promise<ChainStepOutcome> {
  return callChainStep(db, 'custody_settle', [groupId, paid && JSON.stringify(paid)]);
}

/** Notes that a transaction was seen that may pay: a failure has to stand as long from here on. */
export async function noteUnderWay(db: Db, groupId: string): Promise<void> {
  await one(db, 'custody_note_under_way', [groupId]);
}

/**
 * Gives back what the custodian has said for so long that it will not pay.
 *
 * @param unpaid those of its transactions that are under way, so that it waits; or that blocks
 *   have, which have to be final
 */
export function releaseCustody(
  db: Db,
  groupId: string,
  graceSeconds: number,
  unpaid: readonly (UnpaidInBlock | OpenTransaction)[],
): Promise<ChainStepOutcome> {
  const values = [groupId, graceSeconds, JSON.stringify(unpaid)];
  return callChainStep(db, 'custody_release', values);
}

/** The payment as it stands, also of a group that has ended; null: no custodian pays it. */
export function readCustody(db: Db, groupId: string): Promise<CustodyPayment | null> {
  return one(db, 'custody_json', [groupId]);
}

type LateBooking = { outcome: 'done'; bookedBy: string } | { outcome: 'waiting'; why: string };

/** Books what was paid although it had been given back. `waiting`: that is not shown. */
export async function bookLateCustody(
  db: Db,
  groupId: string,
  paid: PaidInBlock | null,
): Promise<LateBooking> {
  const values = [groupId, paid && JSON.stringify(paid)];
  const booked = await one<LateBooking>(db, 'custody_book_late', values);
  if (!booked) throw new Error('custody_book_late answered nothing');
  return booked;
}

/** A payment in the books whose block is gone. */
export interface LostPayment {
  payment: CustodyPayment;
  /** An operator has reversed it. */
  givenBack: boolean;
}

/** All of a chain, those first that lost it first. */
export async function lostPayments(db: Db, chain: string): Promise<LostPayment[]> {
  const { rows } = await db.query<LostPayment>({
    name: 'custody_lost',
    text: 'select payment, given_back as "givenBack" from custody_lost($1)',
    values: [chain],
  });
  return rows;
}

/**
 * Puts a payment in the books down to another event: the block of its own is gone, or the custodian
 * has made it otherwise. Answers why it is not, in a sentence, or null.
 */
export function noteOtherEvent(db: Db, groupId: string, paid: PaidInBlock): Promise<string | null> {
  return one(db, 'custody_move', [groupId, JSON.stringify(paid)]);
}

/**
 * Takes a transaction from a payment that failed and that people took out of the books again: it
 * made another one. Answers whether it did.
 */
export async function giveUpEvent(db: Db, groupId: string, txid: string): Promise<boolean> {
  return (await one<boolean>(db, 'custody_give_up_event', [groupId, txid])) === true;
}

/** The payments that were settled by a transaction, where nothing of it is left for this one. */
export async function takersOf(
  db: Db,
  groupId: string,
  paid: PaidInBlock,
): Promise<CustodyPayment[]> {
  const { rows } = await withRetry(() =>
    db.query<{ payment: CustodyPayment }>({
      name: 'custody_takers',
      text: 'select payment from custody_takers($1, $2) payment',
      values: [groupId, JSON.stringify(paid)],
    }),
  );
  return rows.map(({ payment }) => payment);
}

/**
 * Whether a hook about a payment is worth a look: its group is open, or was given back and may be
 * paid all the same.
 */
export async function isCustodyOpen(db: Db, groupId: string): Promise<boolean> {
  const { rows } = await withRetry(() =>
    db.query(
      `select from custody_payments c join transfer_groups g on g.id = c.group_id
       where c.group_id = $1 and (g.status = 'IN_PROGRESS'
         or (g.status = 'RELEASED' and c.began_at is not null and c.paid_txid is null))`,
      [groupId],
    ),
  );
  return rows.length > 0;
}

async function one<T>(db: Db, name: string, values: unknown[]): Promise<T | null> {
  const marks = values.map((_, at) => `$${at + 1}`).join(', ');
  const { rows } = await withRetry(() =>
    db.query<{ answer: T | null }>({ name, text: `select ${name}(${marks}) as answer`, values }),
  );
  return rows[0]?.answer ?? null;
}

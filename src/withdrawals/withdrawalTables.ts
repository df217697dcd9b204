/** The ledger's side of chain withdrawals; see migrations 0027 and 0028. */
import { CHAIN_ACTOR, type ChainStepOutcome, callChainStep } from '../chains/chainStep.ts';
import type { ChainId } from '../chains/port.ts';
import type { Amount, Group, WithdrawalState } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { BatchMember } from './batchTables.ts';

/** What a withdrawal pays, and how far it is. */
export interface WithdrawalFacts {
  chain: ChainId;
  asset: string;
  amount: Amount;
  /** As it is shown; the attempt has it in the chain's own spelling. */
  destination: string;
  state: WithdrawalState;
  attempt: Attempt | null;
  /** The attempt stands in a block of the stored chain. */
  isIncluded: boolean;
  /** The deposit address that a collection leaves, with its path; null: the hot wallet pays. */
  source: { address: string; path: string } | null;
  /** Most that an attempt of a collection may cost, in the native coin; null: as configured. */
  feeCap: Amount | null;
  /** What a batch pays, in the order of its parts; null: it is no batch. */
  members: BatchMember[] | null;
  /** The batch that pays it, or may; null: it is paid alone. */
  batch: string | null;
}

/** One signed payload; `bytes` and `txid` are null until it is signed. */
export interface Attempt {
  id: string;
  groupId: string;
  /** From 1; attempts of one group share one nonce. */
  no: number;
  /** `cancel`: a transfer of nothing to the sender itself. */
  kind: 'payment' | 'cancel';
  chain: ChainId;
  sender: string;
  nonce: number;
  destination: string;
  terms: Record<string, string>;
  bytes: string | null;
  txid: string | null;
  /** `refused`: the signer signed nothing, and has the last word on this attempt. */
  outcome: 'signing' | 'refused' | 'signed' | 'broadcast' | 'broadcast_unknown';
}

export type Begun =
  | { result: 'signing'; attempt: Attempt }
  /** Nothing was signed; it may still be released. */
  | { result: 'waiting'; why: string; paused?: boolean }
  | { result: 'ended' };

/** What the node and the price say before a payment begins. */
export interface PaymentOffer {
  groupId: string;
  sender: string;
  destination: string;
  /** The sender's next nonce as the chain has it. */
  chainNonce: number;
  /** The sender's balances after the block at `height`. */
  funds: { height: number; balance: Amount; native: Amount };
  price: Price | { fault: string };
  /** Most payments of the sender that may be under way and in no block. */
  inFlight: number;
}

/** Fee terms in the chain family's words, and the most that they can cost in the native coin. */
export interface Price {
  terms: Record<string, string>;
  maxFee: Amount;
}

/** What the stored chain says of a withdrawal. */
export interface Observed {
  state: WithdrawalState;
  group: Group;
  txid: string | null;
  confirmations: number;
  required: number;
  /** Until time alone changes something; null where a block has it, or nothing is sent. */
  lookInSeconds: number | null;
  /** What is to be done about a payment that is in no block; null: nothing. */
  replacement: 'speed_up' | 'cancel' | null;
  /**
   * The nonce of a payment that is in no block; null where a block has it, or none is given. With
   * the highest final stored block; null where none is.
   */
  slot: {
    sender: string;
    nonce: number;
    final: { height: number; hash: string } | null;
  } | null;
  /** The inclusion that ends it, where its block is final by the asset's rule. */
  final: { inclusionId: string; height: number; blockHash: string } | null;
}

/** Null where there is no such withdrawal, or none that is bound to a chain. */
export async function readWithdrawal(db: Db, groupId: string): Promise<WithdrawalFacts | null> {
  const { rows } = await withRetry(() =>
    db.query<WithdrawalFacts>({
      name: 'chain_read_withdrawal',
      text: `select w.chain, w.asset, amount_text(w.amount) as amount, w.destination, w.state,
          chain_attempt_json(w.group_id) as attempt,
          exists (select from withdrawal_attempts p
            join attempt_inclusions n on n.attempt_id = p.id and n.canonical
            where p.group_id = w.group_id) as "isIncluded",
          case when d.address is not null
            then jsonb_build_object('address', d.address, 'path', d.path) end as source,
          case when c.group_id is not null then amount_text(w.max_fee) end as "feeCap",
          chain_batch_of(w.group_id) as batch,
          (select jsonb_agg(jsonb_build_object('groupId', o.group_id,
              'destination', lower(o.destination), 'amount', amount_text(o.amount))
              order by m.position)
            from batch_members m join withdrawals o on o.group_id = m.group_id
            where m.batch_group_id = w.group_id) as members
        from withdrawals w
        left join collections c on c.group_id = w.group_id
        left join deposit_addresses d on c.purpose = 'collect'
          and d.family = chain_family(c.chain) and d.address = c.address
        where w.group_id = $1 and w.chain is not null`,
      values: [groupId],
    }),
  );
  return rows[0] ?? null;
}

/**
 * Takes a nonce and writes the attempt; from its commit on nobody releases the withdrawal. Again
 * for the same group: the same attempt.
 */
export async function beginSigning(db: Db, offer: PaymentOffer): Promise<Begun> {
  const { groupId, sender, destination, chainNonce, funds, price, inFlight } = offer;
  const [terms, maxFee, fault] =
    'fault' in price ? [null, null, price.fault] : [price.terms, price.maxFee, null];
  const { rows } = await withRetry(() =>
    db.query<{ begun: Begun }>({
      name: 'chain_begin_signing',
      text: 'select chain_begin_signing($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as begun',
      values: [
        groupId,
        CHAIN_ACTOR,
        sender,
        destination,
        chainNonce,
        JSON.stringify(funds),
        terms && JSON.stringify(terms),
        maxFee,
        fault,
        inFlight,
      ],
    }),
  );
  const begun = rows[0]?.begun;
  if (!begun) throw new Error('chain_begin_signing answered nothing');
  return begun;
}

/**
 * Why a payment has to wait until others of its sender are in a block, or null. It is asked again
 * by itself then.
 *
 * @param inFlight most payments of the sender that may be under way and in no block
 */
export async function waitForRoom(
  db: Db,
  groupId: string,
  sender: string,
  inFlight: number,
): Promise<string | null> {
  const { rows } = await withRetry(() =>
    db.query<{ why: string | null }>({
      name: 'chain_wait_for_room',
      text: 'select chain_wait_for_room($1, $2, $3, $4) as why',
      values: [groupId, CHAIN_ACTOR, sender, inFlight],
    }),
  );
  return rows[0]?.why ?? null;
}

/** Stores signed bytes, before anything is sent. Other bytes for the attempt are an HF error. */
export async function recordSigned(
  db: Db,
  attemptId: string,
  { bytes, txid }: { bytes: string; txid: string },
): Promise<void> {
  await withRetry(() =>
    db.query('select chain_record_attempt($1, $2, $3)', [attemptId, bytes, txid]),
  );
}

/** Stores that the signer refused an attempt, with its words. */
export async function recordRefusal(db: Db, attemptId: string, why: string): Promise<void> {
  await withRetry(() => db.query('select chain_record_refusal($1, $2)', [attemptId, why]));
}

/** Stores what came of sending: `taken`, or not known, with what the node said. */
export async function recordBroadcast(
  db: Db,
  attemptId: string,
  taken: boolean,
  detail: string | null,
): Promise<void> {
  await withRetry(() =>
    db.query('select chain_record_broadcast($1, $2, $3)', [attemptId, taken, detail]),
  );
}

/**
 * Brings a withdrawal to what the stored chain says, short of its end.
 *
 * @param bumpAfterSeconds see `PayDeps`
 */
export async function observeWithdrawal(
  db: Db,
  groupId: string,
  stuckAfterSeconds: number,
  bumpAfterSeconds: number | null = null,
): Promise<Observed> {
  const { rows } = await withRetry(() =>
    db.query<{ observed: Observed }>({
      name: 'chain_observe_withdrawal',
      text: 'select chain_observe_withdrawal($1, $2, $3, $4) as observed',
      values: [groupId, CHAIN_ACTOR, stuckAfterSeconds, bumpAfterSeconds],
    }),
  );
  const observed = rows[0]?.observed;
  if (!observed) throw new Error('chain_observe_withdrawal answered nothing');
  return observed;
}

/**
 * Ends a withdrawal by an inclusion: paid, all of it settles; reverted, the fee settles and the
 * rest is released. Checked under lock that its block is canonical and final; else `waiting`.
 */
export function settleChainWithdrawal(db: Db, inclusionId: string): Promise<ChainStepOutcome> {
  return callChainStep(db, 'chain_settle_withdrawal', [inclusionId, CHAIN_ACTOR]);
}

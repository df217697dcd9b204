/** Taking a credit back whose block was dropped, once the new branch shows nothing of it. */
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { CHAIN_ACTOR, type Decided, readAnswer, type Waiting } from './chainStep.ts';
import type { ChainConnection } from './connection.ts';
import { readDepositProgress } from './deposits.ts';
import { rescanTransaction } from './rescan.ts';

/** Nothing is to be taken back: the coins are in the chain again, or were never credited. */
export interface NotNeeded {
  outcome: 'not_needed';
  /** In a sentence, for people. */
  why: string;
}

export type ReversalOutcome = Decided | Waiting | NotNeeded;

/** Holds that are released by one call: within a second or so, while the wallet is locked. */
const MOST_HOLDS = 200;
/** The wallet is frozen from the first call on, so this many holds are as many as there can be. */
const MOST_CALLS = 1_000;

/**
 * Takes the credit of an orphaned inclusion back, once for ever. Before that the node is asked for
 * the transaction once more, so that a block that was read in part reverses nothing.
 *
 * @throws ChainUnavailable where the node does not answer
 */
export async function reverseChainCredit(
  db: Db,
  chain: ChainConnection,
  inclusionId: string,
): Promise<ReversalOutcome> {
  const progress = await readDepositProgress(db, inclusionId);
  if (!progress) throw new Error(`There is no inclusion ${inclusionId}`);
  await rescanTransaction(db, await chain(), progress.txid);
  return reverseCredit(db, inclusionId);
}

/**
 * The ledger's part: decides by the stored chain alone, under lock. A wallet with more than
 * `mostHolds` holds, or with holds that came in meanwhile, is frozen first.
 */
export async function reverseCredit(
  db: Db,
  inclusionId: string,
  mostHolds = MOST_HOLDS,
): Promise<ReversalOutcome> {
  for (let call = 0; call < MOST_CALLS; call++) {
    const { rows } = await withRetry(() =>
      db.query({
        name: 'chain_reverse_credit',
        text: 'select chain_reverse_credit($1, $2, $3) as answer',
        values: [inclusionId, CHAIN_ACTOR, mostHolds],
      }),
    );
    const answer = rows[0]?.answer;
    if (!answer) throw new Error('chain_reverse_credit answered nothing');
    if (answer.outcome === 'not_needed') return answer;
    if (answer.outcome !== 'again') return readAnswer(answer);
  }
  throw new Error(`The wallet of inclusion ${inclusionId} is frozen, and holds keep coming`);
}

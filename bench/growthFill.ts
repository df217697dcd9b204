/** What `bench/growth.ts` writes into its ledgers before it measures. */
import { groupId, stepKey } from '../src/contracts/ids.ts';
import type { Db, Pool } from '../src/db/pool.ts';
import { openTransfer } from '../src/ledger/openTransfer.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { immediate, type Operation } from './ledgerContenders.ts';

/** A held and settled debit, a held and settled credit. */
const ENTRIES_OF_IMMEDIATE = 4;
/** As many as one shared transaction of the queue takes. */
const FILLERS = 64;
const PROGRESS_MS = 10_000;
/**
 * Wallets that are read: of these every ledger has two pages of entries on either side of its
 * middle, so that the same page is read in each and only what lies around it differs.
 */
const READERS = 50;
const ENTRIES_OF_READER = 100;

export function anyReader(): string {
  return `wallet-${Math.floor(Math.random() * READERS)}`;
}

/**
 * Writes half of what a ledger has, by the ledger's own functions: so many entries of all wallets,
 * after what each reader has at least.
 */
export async function fillHalf(pool: Pool, entries: number): Promise<void> {
  // Each transfer leaves two entries with either wallet.
  await write(pool, (READERS * ENTRIES_OF_READER) / ENTRIES_OF_IMMEDIATE, ofReaders());
  await write(pool, Math.ceil(entries / ENTRIES_OF_IMMEDIATE), immediate);
}

async function write(pool: Pool, transfers: number, operation: Operation): Promise<void> {
  const queue = queueSteps(pool);
  const begun = performance.now();
  let begunOnes = 0;
  const progress = setInterval(() => {
    const perSecond = (begunOnes * 1000) / (performance.now() - begun);
    const seconds = Math.round((transfers - begunOnes) / perSecond);
    console.error(
      `  ${begunOnes} of ${transfers} transfers, ${perSecond.toFixed(0)}/s, ${seconds} s to go`,
    );
  }, PROGRESS_MS);
  const filler = async () => {
    while (begunOnes < transfers) {
      begunOnes += 1;
      await operation(queue);
    }
  };
  try {
    await Promise.all(Array.from({ length: FILLERS }, filler));
  } finally {
    clearInterval(progress);
  }
}

let serial = 0;

/** From one reader to the next, all round: each pays and is paid as often as the others. */
function ofReaders(): Operation {
  let turn = 0;
  return async (db: Db) => {
    const from = turn++ % READERS;
    const key = `reader-${++serial}`;
    const outcome = await openTransfer(db, {
      groupId: groupId('transfer', 'bench', key),
      stepKey: stepKey('create', 'bench', key),
      actor: { name: 'bench', admin: true },
      client: 'bench',
      legs: [
        { wallet: `wallet-${from}`, type: 'DEBIT', amount: '1.25' },
        { wallet: `wallet-${(from + 1) % READERS}`, type: 'CREDIT', amount: '1.25' },
      ],
      settle: 'immediate',
      expiresIn: null,
      reference: null,
      metadata: {},
      acceptBy: null,
    });
    if (outcome.outcome !== 'done') throw new Error(`a transfer was ${outcome.outcome}`);
  };
}

/** A ledger with wallets that a payout run can pay. */
import type {
  OpenPayoutRunInput,
  PayoutLineInput,
  PayoutRun,
} from '../../src/contracts/payouts.ts';
import type { Db, Pool } from '../../src/db/pool.ts';
import { openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { type PayoutHands, payPayoutLines } from '../../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import type { TestDatabase } from '../support/testDatabase.ts';
import { createWorld, unique, walletWith } from './ledgerWorld.ts';
import { doneRun, runInput } from './payoutInputs.ts';

const RECEIVERS = 20;

/** Withdrawals are held and nobody drives them. */
export const NO_SAGAS: PayoutHands = {
  onProgress: () => {},
  begin: () => Promise.resolve(),
  inTurn: (work) => work(),
};

export interface PayoutWorld {
  database: TestDatabase;
  db: Pool;
  /** Wallets of the payer's asset, with nothing in them at first. */
  receivers: string[];
  /** So many lines of one amount, over the receivers in turn. */
  linesOf(count: number, amount?: string): { wallet: string; amount: string }[];
  /** A run that was opened and not paid. */
  opened(wallet: string, lines: PayoutLineInput[]): Promise<Opened>;
  /** Pays up to `most` lines, as an activity does. */
  pay(runId: string, most?: number, on?: Db): Promise<PayoutRun | null>;
}

interface Opened {
  input: OpenPayoutRunInput;
  run: PayoutRun;
}

/** A ledger with wallets that can be paid. */
export async function createPayoutWorld(): Promise<PayoutWorld> {
  const { db, ...database } = await createWorld();
  const receivers: string[] = [];
  while (receivers.length < RECEIVERS) receivers.push(await walletWith(db, '0'));
  return {
    database,
    db,
    receivers,
    linesOf: (count, amount = '1') =>
      Array.from({ length: count }, (_, index) => ({
        wallet: receivers[index % receivers.length] ?? '',
        amount,
      })),
    async opened(wallet, lines) {
      const input = runInput(unique('run'), wallet, lines);
      return { input, run: doneRun(await openPayoutRun(db, input)) };
    },
    pay: (runId, most = 10_000, on = db) => payPayoutLines(queueSteps(on), runId, most, NO_SAGAS),
  };
}

/** How several withdrawals are paid by one transaction. Safe in workflows: imports types alone. */
import type { Amount } from './resources.ts';

/** Several withdrawals in one transaction. */
export interface BatchSettings {
  /** Address of the payout contract. */
  contract: string;
  /** What a withdrawal waits for others at most, once its turn has come. */
  waitSeconds: number;
  /** Most withdrawals in one transaction. */
  size: number;
}

/**
 * Input of the saga that pays several withdrawals by one transaction, for people to read: what is
 * paid stands in the group that the ledger opened.
 */
export interface BatchInput {
  groupId: string;
  asset: string;
  /** Of all together. */
  amount: Amount;
  from: string;
  /** The payout contract. */
  contract: string;
  /** Groups of the withdrawals. */
  members: string[];
}

/** Long enough for those of one moment to meet, short enough that nobody notices. */
const DEFAULT_WAIT_SECONDS = 5;
/** Beyond it a withdrawal would wait for longer than a block takes it. */
const MOST_WAIT_SECONDS = 600;
/** Some two million gas: nodes take it into any block, and the fee cap of one withdrawal does. */
const DEFAULT_SIZE = 50;
/** All of them settle in one transaction of the database, whose locks nobody waits long for. */
const MOST_SIZE = 200;

/** Reads and checks them; null where no payout contract is named: each is paid alone then. */
export function readBatches(
  env: NodeJS.ProcessEnv,
  faults: string[],
  integer: (name: string, fallback: number) => number,
): BatchSettings | null {
  const contract = env.CHAIN_PAYOUT_CONTRACT;
  if (!contract) return null;
  const waitSeconds = integer('WITHDRAWAL_BATCH_WAIT_SECONDS', DEFAULT_WAIT_SECONDS);
  const size = integer('WITHDRAWAL_BATCH_SIZE', DEFAULT_SIZE);
  if (!/^0x[0-9a-fA-F]{40}$/.test(contract)) {
    faults.push('CHAIN_PAYOUT_CONTRACT must be an address');
  }
  if (waitSeconds < 1 || waitSeconds > MOST_WAIT_SECONDS) {
    faults.push(`WITHDRAWAL_BATCH_WAIT_SECONDS must be 1 to ${MOST_WAIT_SECONDS}`);
  }
  if (size < 2 || size > MOST_SIZE) {
    faults.push(`WITHDRAWAL_BATCH_SIZE must be 2 to ${MOST_SIZE}`);
  }
  return { contract, waitSeconds, size };
}

/** How several withdrawals are paid by one transaction. Safe in workflows: imports types alone. */
import type { EnvironmentReader } from './environment.ts';
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
/** Some two million gas: nodes take it into any block, and the fee cap of one withdrawal does. */
const DEFAULT_SIZE = 50;

/** Reads and checks them; null where no payout contract is named: each is paid alone then. */
export function readBatches({ optional, integer }: EnvironmentReader): BatchSettings | null {
  const isAddress = (text: string) => /^0x[0-9a-fA-F]{40}$/.test(text);
  const contract = optional('CHAIN_PAYOUT_CONTRACT', isAddress, 'an address');
  const waitSeconds = integer('WITHDRAWAL_BATCH_WAIT_SECONDS', DEFAULT_WAIT_SECONDS);
  const size = integer('WITHDRAWAL_BATCH_SIZE', DEFAULT_SIZE);
  if (contract === null) return null;
  return { contract, waitSeconds, size };
}

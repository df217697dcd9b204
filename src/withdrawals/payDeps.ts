/** What paying stands on. */
import type { ChainConnection } from '../chains/connection.ts';
import type { BatchSettings } from '../contracts/batches.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import type { SignerConnection } from './hotWallet.ts';

export interface PayDeps {
  db: Db;
  chain: ChainConnection;
  signer: SignerConnection;
  log: Log;
  /** After so many seconds a payment that is in no block is `stuck`; it stays held. */
  stuckAfterSeconds: number;
  /** After so many seconds in no block the fee is raised, each time; null: never by itself. */
  bumpAfterSeconds: number | null;
  /** Most that one attempt may cost, in the native coin; null: no cap. */
  feeCap: Amount | null;
  /** Most payments of the hot wallet that may be under way and in no block. */
  inFlight: number;
  /** How withdrawals are paid together; null or left out: each alone. */
  batches?: BatchSettings | null;
}

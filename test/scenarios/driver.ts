/**
 * What a scenario can do, said once and run on two levels: the ledger's functions on Postgres
 * (`ledgerDriver.ts`) and the HTTP API with real workflows (`apiDriver.ts`).
 */
import type { ProblemCode } from '../../src/contracts/codes.ts';
import type { Amount, Balance, Entry, Group, Limit } from '../../src/contracts/resources.ts';
import type { LegAmount, LegInput } from '../../src/contracts/steps.ts';
import type { NewAsset } from '../../src/ledger/assets.ts';
import type { Page, PageRequest } from '../../src/ledger/page.ts';
import type { TestDatabase } from '../support/testDatabase.ts';

/** How an act ended, in the words that both levels share. */
export interface Result {
  outcome: 'done' | ProblemCode;
  /** The first answer of this key, told again. */
  replayed: boolean;
  /** The group as the answer shows it; null where a refusal shows none. */
  group: Group | null;
  detail: string;
  /** Pointers to the fields at fault. */
  fields: string[];
}

/** Left out: a key that nobody used. */
export interface Keyed {
  key?: string;
}

export interface Hold extends Keyed {
  expiresIn?: number;
  reference?: string;
}

export interface Capture extends Keyed {
  legs?: LegAmount[];
  final?: boolean;
}

export interface Part extends Keyed {
  amount?: Amount;
  final?: boolean;
}

export interface Reversal extends Keyed {
  amount?: Amount;
  legs?: LegAmount[];
}

export interface Deposit extends Keyed {
  txid?: string;
  ordinal?: number;
  source?: string;
}

/** Entries of a wallet or of a group, groups by reference, wallets by owner. */
export type Listed =
  | { wallet: string }
  | { group: string }
  | { reference: string }
  | { owner: string };

export interface Driver {
  readonly level: 'ledger' | 'api';
  readonly db: TestDatabase;
  /** The same level as another client of it, who may do the same. */
  as(client: string): Driver;
  /** As somebody who may name the wallets of the system. */
  asAdmin(): Driver;

  /** A new asset; of scale 2 and without a chain unless said. */
  createAsset(asset?: Partial<NewAsset>): Promise<string>;
  createWallet(wallet: {
    asset: string;
    owner?: string;
    kind?: 'user' | 'merchant' | 'escrow';
  }): Promise<string>;
  setLimit(
    limit: Omit<Limit, 'owner' | 'wallet'> & { owner?: string; wallet?: string },
  ): Promise<void>;
  setStatus(wallet: string, act: 'freeze' | 'unfreeze' | 'close'): Promise<'done' | ProblemCode>;

  transfer(legs: LegInput[], options?: Hold): Promise<Result>;
  hold(legs: LegInput[], options?: Hold): Promise<Result>;
  addLegs(group: string, legs: LegInput[], options?: Keyed): Promise<Result>;
  settle(group: string, options?: Capture): Promise<Result>;
  release(group: string, reason: string, options?: Keyed): Promise<Result>;
  cancel(group: string, reason: string, options?: Keyed): Promise<Result>;
  extend(group: string, expiresIn: number, options?: Keyed): Promise<Result>;
  reverse(group: string, reason: string, options?: Reversal): Promise<Result>;
  deposit(wallet: string, amount: Amount, options?: Deposit): Promise<Result>;
  confirm(group: string, options?: Part): Promise<Result>;
  cancelDeposit(group: string, reason: string, options?: Keyed): Promise<Result>;
  withdraw(
    wallet: string,
    amount: Amount,
    options?: Keyed & { expiresIn?: number },
  ): Promise<Result>;
  finalize(group: string, options?: Part): Promise<Result>;
  releaseWithdrawal(group: string, reason: string, options?: Part): Promise<Result>;

  group(id: string): Promise<Group>;
  /** All of a group's rows, oldest first. */
  entries(id: string): Promise<Entry[]>;
  balance(wallet: string): Promise<Balance>;
  /** Ids on one page of a list. */
  list(what: Listed, page: PageRequest): Promise<Page<string>>;
}

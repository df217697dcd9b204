/** What a storm remembers while it rages, and how it writes down what it does. */
import type { Customer } from './customers.ts';
import type { Asked, Listing } from './destinations.ts';
import type { Delivery } from './hooks.ts';
import type { Sent } from './strangers.ts';
import type { StormWorld } from './world.ts';

export interface Withdrawal {
  groupId: string;
  wallet: string;
  asset: 'ETH' | 'USDX';
  units: bigint;
  /** Lower case; nobody else is ever paid there, unless it is an address of ours. */
  destination: string;
  /** Most that the customer pays for the network, in wei; null: the platform pays. */
  maxFee: bigint | null;
}

/** What somebody was heard to say about a withdrawal. */
export interface Said {
  groupId: string;
  as: string;
  act: 'approve' | 'reject';
  /** It was written in between, in milliseconds. */
  sent: number;
  answered: number;
}

export interface Storm {
  world: StormWorld;
  customers: Customer[];
  /** It goes on for minutes, so that slow things may happen. */
  isLong: boolean;
  withdrawals: Withdrawal[];
  /** Those to cold storage, which the service opens by itself: read when all is over. */
  sweeps: Withdrawal[];
  said: Said[];
  /** First answers to withdrawals: a refusal's code, or null. */
  answers: Map<string, Asked & { code: string | null }>;
  /** Destinations that were listed or taken away again. */
  listings: Listing[];
  unlistings: Listing[];
  /** Ids of transfers that wait for somebody to settle, release or cancel them. */
  holds: string[];
  /** Payees outside that refuse what they are paid, until the storm is over. */
  refusing: Set<string>;
  /** Transactions of the hot wallet that the service did not sign. */
  foreign: Set<string>;
  /** Transactions that a reorganisation lost. */
  dropped: Sent[];
  /** What providers told by hooks, and the ids of those that were forged. */
  deliveries: Delivery[];
  forgedHooks: string[];
  /** How often each thing was done. */
  counts: Map<string, number>;
  /** Every operation with what came of it, in order. */
  log: string[];
  /** Hears each line of the log as it is written. */
  tell: (line: string) => void;
  /** Milliseconds since the epoch. */
  began: number;
  /** What goes on in the background; a rejection is a fault of the storm's end. */
  underWay: Set<Promise<void>>;
  faults: string[];
  /** A key that was never used. */
  nextKey(): string;
}

export function createStorm(world: StormWorld, customers: Customer[]): Storm {
  let keys = 0;
  return {
    world,
    customers,
    isLong: false,
    withdrawals: [],
    sweeps: [],
    said: [],
    answers: new Map(),
    listings: [],
    unlistings: [],
    holds: [],
    refusing: new Set(),
    foreign: new Set(),
    dropped: [],
    deliveries: [],
    forgedHooks: [],
    counts: new Map(),
    log: [],
    tell: () => {},
    began: Date.now(),
    underWay: new Set(),
    faults: [],
    nextKey: () => `k${++keys}`,
  };
}

export function count({ counts }: Storm, what: string, by = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + by);
}

/** Lets something go on by itself; the end waits for it. */
export function inBackground(storm: Storm, what: string, work: Promise<unknown>): void {
  const done: Promise<void> = work
    .then(
      () => {},
      (error: Error) => {
        storm.faults.push(`${what}: ${error.message}`);
      },
    )
    .finally(() => storm.underWay.delete(done));
  storm.underWay.add(done);
}

/** A line of the log; the number is the operation's place in the storm. */
export function note(storm: Storm, line: string): void {
  const seconds = ((Date.now() - storm.began) / 1000).toFixed(1);
  const timed = `${seconds.padStart(7)} ${line}`;
  storm.log.push(timed);
  storm.tell(timed);
}

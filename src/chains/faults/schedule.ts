/** Which faults strike a call: by method, content, count and chance. */
import type { Call } from './call.ts';
import { type Fault, type FaultInput, type FaultKind, faultSchema } from './script.ts';
import { type Strike, strikeOf } from './strike.ts';

/** A fault that was set on a proxy. */
export interface SetFault {
  /** How often it has struck. */
  readonly strikes: number;
  /** Takes it away. */
  lift(): void;
}

export interface Schedule {
  /** Puts a fault behind those that stand. Throws where it is none. */
  add(fault: FaultInput): SetFault;
  /** Takes all away. */
  clear(): void;
  /** What stands, with how often each has struck. */
  list(): (Fault & { strikes: number })[];
  /** The faults that strike this call, in the order in which they were set; counts it. */
  strikesOn(call: Call): { kind: FaultKind; strike: Strike }[];
}

interface Entry {
  fault: Fault;
  strike: Strike;
  matched: number;
  strikes: number;
}

/** A schedule whose chances follow from the seed and from the order of the calls. */
export function createSchedule(seed: number): Schedule {
  const random = seededRandom(seed);
  let entries: Entry[] = [];
  return {
    add(input) {
      const fault = faultSchema.parse(input);
      const entry: Entry = { fault, strike: strikeOf(fault), matched: 0, strikes: 0 };
      entries.push(entry);
      return {
        get strikes() {
          return entry.strikes;
        },
        lift() {
          entries = entries.filter((each) => each !== entry);
        },
      };
    },
    clear() {
      entries = [];
    },
    list: () => entries.map(({ fault, strikes }) => ({ ...fault, strikes })),
    strikesOn(call) {
      const meant = entries.filter((entry) => isMeant(entry, call, random));
      for (const entry of meant) entry.strikes += 1;
      return meant.map(({ fault, strike }) => ({ kind: fault.kind, strike }));
    },
  };
}

function isMeant(entry: Entry, call: Call, random: () => number): boolean {
  const { methods, containing, from, times, chance } = entry.fault;
  if (methods && !methods.includes(call.method)) return false;
  if (containing && !hasText(call, containing)) return false;
  entry.matched += 1;
  if (entry.matched < from) return false;
  if (times !== undefined && entry.matched >= from + times) return false;
  return chance === 1 || random() < chance;
}

function hasText({ params }: Call, text: string): boolean {
  return JSON.stringify(params).toLowerCase().includes(text.toLowerCase());
}

/** Mulberry32 (Tommy Ettinger, public domain): small, and the same everywhere. From 0 to 1. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

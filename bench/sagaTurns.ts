/**
 * How the contenders of `bench/saga.ts` take turns: short ones, in an order in which everybody
 * follows everybody as often, each begun on a machine at rest. Without the rest a contender pays
 * for its neighbour: callers are answered before Temporal has recorded their sagas, and the list of
 * workflows is written later still.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CpuTimes, cpuEach, cpuTimes } from './cpu.ts';
import type { Contender } from './sagaContenders.ts';

/** One turn of one contender; times in milliseconds, from the start of a saga. */
export interface Turn {
  /** Sagas a second that could go on for ever. */
  perSecond: number;
  heldMs: number[];
  doneMs: number[];
  cpuMs: Record<string, number>;
}

/** All turns of one contender, one a round. */
export interface Turns {
  twoPhase: Turn[];
  transfers: Turn[];
}

/** The list of workflows is written twice a second, see `src/dev/stack/temporal.ts`. */
const SHORTEST_REST_MS = 600;
/** A machine that is never at rest has other work, which hits all alike. */
const LONGEST_REST_MS = 2_000;
const LOOK_MS = 100;
/** At rest the servers use two hundredths of a second between two looks, or less. */
const AT_REST_US = 20_000;

/** Each contender once a round in both shapes. */
export async function takeTurns(
  contenders: Contender[],
  rounds: number,
  sagas: number,
  callers: number,
): Promise<Turns[]> {
  const turns = contenders.map((): Turns => ({ twoPhase: [], transfers: [] }));
  await rest();
  for (let round = 0; round < rounds; round += 1) {
    for (const [shape, one] of [
      ['twoPhase', holdAndSettle],
      ['transfers', transfer],
    ] as const) {
      for (const index of orderOf(round, contenders.length)) {
        const [contender, own] = [contenders[index], turns[index]];
        if (!contender || !own) continue;
        own[shape].push(await measure(sagas, callers, (turn) => one(contender, turn)));
      }
    }
  }
  return turns;
}

/** So many sagas of each shape, unmeasured: code is compiled and caches are filled after these. */
export async function warmUp(contenders: Contender[], sagas: number): Promise<void> {
  for (const contender of contenders) {
    for (const one of [holdAndSettle, transfer]) {
      await measure(sagas, WARM_UP_CALLERS, (turn) => one(contender, turn));
    }
  }
}

const WARM_UP_CALLERS = 20;

/**
 * A Latin square whose rows have each pair of neighbours once each way where `count` is even:
 * 0 1 3 2, 1 2 0 3, 2 3 1 0, 3 0 2 1 (E. J. Williams, 1949).
 */
function orderOf(round: number, count: number): number[] {
  return Array.from({ length: count }, (_, at) => {
    const first = at % 2 === 1 ? (at + 1) / 2 : count - at / 2;
    return (first + round) % count;
  });
}

/** Until the servers have written what the turn before left to be written. */
async function rest(): Promise<void> {
  const begun = performance.now();
  await sleep(SHORTEST_REST_MS);
  for (let before = cpuTimes(); performance.now() - begun < LONGEST_REST_MS; ) {
    await sleep(LOOK_MS);
    const after = cpuTimes();
    if (ofServers(after) - ofServers(before) <= AT_REST_US) return;
    before = after;
  }
}

/** Not of this process, whose own looks would keep it from resting. */
function ofServers({ Postgres, Temporal }: CpuTimes): number {
  return Postgres + Temporal;
}

let serial = 0;

async function holdAndSettle(contender: Contender, turn: Turn): Promise<void> {
  serial += 1;
  const id = `${contender.name}-${serial}`;
  const begun = performance.now();
  await contender.hold(id);
  turn.heldMs.push(performance.now() - begun);
  await contender.settle(id);
  turn.doneMs.push(performance.now() - begun);
}

async function transfer(contender: Contender, turn: Turn): Promise<void> {
  serial += 1;
  const begun = performance.now();
  await contender.transfer(`${contender.name}-${serial}`);
  turn.doneMs.push(performance.now() - begun);
}

/**
 * Callers are answered before Temporal has recorded their sagas, so a short turn leaves work to the
 * rest after it. A turn that went on would have to do that too: its time is lengthened by what the
 * rest took of the processors, against what the turn itself did.
 */
async function measure(
  count: number,
  callers: number,
  one: (turn: Turn) => Promise<void>,
): Promise<Turn> {
  const turn: Turn = { perSecond: 0, heldMs: [], doneMs: [], cpuMs: {} };
  const before: CpuTimes = cpuTimes();
  let left = count;
  const begun = performance.now();
  const caller = async () => {
    for (; left > 0; ) {
      left -= 1;
      await one(turn);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const ms = performance.now() - begun;
  const answered = cpuTimes();
  await rest();
  const after = cpuTimes();
  const share = (ofAll(after) - ofAll(before)) / (ofAll(answered) - ofAll(before));
  // Where processor times are not told, as on macOS, what is left over is not known either.
  turn.perSecond = (count * 1000) / (ms * (Number.isFinite(share) ? share : 1));
  turn.cpuMs = cpuEach(before, after, count);
  return turn;
}

function ofAll(times: CpuTimes): number {
  return Object.values(times).reduce((sum, us) => sum + us, 0);
}

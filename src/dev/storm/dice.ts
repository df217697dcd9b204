/** Chance by seed: the same seed throws the same dice. */
export interface Dice {
  /** A whole number from 0 to `sides - 1`. */
  roll(sides: number): number;
  pick<T>(list: readonly T[]): T;
  /** True so many times in a hundred. */
  isLucky(percent: number): boolean;
  /** Begins anew for a storm's n-th operation: what one throws does not shift the next one's. */
  turn(n: number): void;
}

/** A small generator (mulberry32): 32 bits of state, which is plenty for a few thousand throws. */
export function createDice(seed: number): Dice {
  let state = seed | 0;
  const spread = 0x9e3779b1;
  const roll = (sides: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % sides;
  };
  return {
    roll,
    pick: (list) => {
      const picked = list[roll(list.length)];
      if (picked === undefined) throw new Error('There is nothing to pick from.');
      return picked;
    },
    turn: (n) => {
      state = (Math.imul(seed, spread) ^ Math.imul(n + 1, 0x85ebca6b)) | 0;
    },
    isLucky: (percent) => roll(100) < percent,
  };
}

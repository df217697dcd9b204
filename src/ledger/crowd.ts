/** Work on many lines at once: how much of it is under way, and how much may be. */

/** Work that goes on side by side, by the number of its line. */
export class Crowd {
  readonly #seen = new Set<number>();
  #size = 0;
  #failure: { error: unknown } | null = null;
  #look = () => {};

  get size(): number {
    return this.#size;
  }

  hasSeen(line: number): boolean {
    return this.#seen.has(line);
  }

  add(line: number, work: Promise<void>): void {
    this.#seen.add(line);
    this.#size += 1;
    work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#size -= 1;
        this.#look();
      });
  }

  /** Waits until at most so many are under way. Throws what the first of them threw, at once. */
  async untilAtMost(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#look = () => {
      if (this.#size <= count || this.#failure) resolve();
    };
    this.#look();
    await promise;
    if (this.#failure) throw this.#failure.error;
  }
}

/**
 * Lets so many pieces of work run at once; the others wait in the order in which they came.
 *
 * @returns runs a piece of work when it is its turn, and hands on what it answers or throws
 */
export function inTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      // Whoever is next takes over the place.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

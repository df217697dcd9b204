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

  /** What has not begun by then is left to whoever comes next. */
  get hasFailed(): boolean {
    return this.#failure !== null;
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

/** Waits until the work has ended, however it did, and for no longer than so many milliseconds. */
export async function endOrPatience(work: Promise<unknown>, patienceMs: number): Promise<void> {
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patienceMs).unref();
  await Promise.race([settled(work), enough]);
  clearTimeout(timer);
}

/**
 * The order of a list: where its payer has too little, the first lines get what is there. Payments
 * to wallets share transactions, which keep the order in which they were asked for, so these go
 * side by side; holds are one transaction each, and wait for the payer's row anyway.
 */
export class LineOrder {
  #lastHold: Promise<unknown> | null = null;
  #payments: Promise<unknown>[] = [];

  /** After every hold before it. */
  pay<T>(work: () => Promise<T>): Promise<T> {
    const payment = this.#lastHold === null ? work() : this.#lastHold.then(work);
    this.#payments.push(settled(payment));
    return payment;
  }

  /** After everything before it. */
  hold<T>(work: () => Promise<T>): Promise<T> {
    const hold = Promise.all([this.#lastHold, ...this.#payments]).then(work);
    this.#payments = [];
    this.#lastHold = settled(hold);
    return hold;
  }
}

/** Whatever became of it: who asked for it hears of a failure. */
function settled(work: Promise<unknown>): Promise<unknown> {
  return work.catch(() => {});
}

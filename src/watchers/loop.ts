/** A loop that can be stopped and that does not give up. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Loop {
  /** Lets the turn under way finish. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** One turn. True: there is more to do at once. */
  turn: () => Promise<boolean>;
  pauseMs: number;
  onFailure: (error: unknown) => void;
}

/** Longest pause after failures in a row: a node that comes back is noticed within it. */
const LONGEST_PAUSE_MS = 10_000;

/** Runs turns until stopped. After a failure it waits, twice as long each time in a row. */
export function startLoop({ turn, pauseMs, onFailure }: LoopOptions): Loop {
  const over = new AbortController();
  const run = async () => {
    let failures = 0;
    while (!over.signal.aborted) {
      let pause = pauseMs;
      try {
        if (await turn()) pause = 0;
        failures = 0;
      } catch (error) {
        onFailure(error);
        pause = Math.min(pauseMs * 2 ** failures, LONGEST_PAUSE_MS);
        failures += 1;
      }
      // An aborted sleep rejects: that is the end, not a failure.
      if (pause > 0) await sleep(pause, undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const ended = run();
  return {
    async stop() {
      over.abort();
      await ended;
    },
  };
}

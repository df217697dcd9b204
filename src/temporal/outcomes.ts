/**
 * What steps answered in this process, for those who wait for it here: an API that shares its
 * process with a worker learns the outcome from the activity itself, not from another query.
 */
import type { StepInput, StepOutcome } from '../contracts/steps.ts';

/** A step that ran in this process. */
export interface Told {
  /** The input that ran; the waiter's own may differ under the same key. */
  input: StepInput;
  outcome: StepOutcome;
  /**
   * True for the first who asks: of all who wait with this very request, one has its first answer.
   */
  claimFirst(): boolean;
}

export interface Expectation {
  told: Promise<Told>;
  /** Stops waiting; always called, or the board would grow. */
  forget(): void;
}

export interface Outcomes {
  /** Tells all who wait for the step. */
  publish(input: StepInput, outcome: StepOutcome): void;
  /** Waits for a step from now on: called before whatever makes the step run. */
  expect(groupId: string, stepKey: string): Expectation;
}

type Listener = (told: Told) => void;

/** An empty board: one a process, shared by its activities and its gateway. */
export function createOutcomes(): Outcomes {
  const waiting = new Map<string, Set<Listener>>();
  return {
    publish(input, outcome) {
      let claimed = false;
      const claimFirst = () => {
        const first = !claimed;
        claimed = true;
        return first;
      };
      const told = { input, outcome, claimFirst };
      for (const tell of waiting.get(nameOf(input.groupId, input.stepKey)) ?? []) tell(told);
    },
    expect(groupId, stepKey) {
      const name = nameOf(groupId, stepKey);
      const { promise, resolve } = Promise.withResolvers<Told>();
      const listeners = waiting.get(name) ?? new Set();
      waiting.set(name, listeners.add(resolve));
      return {
        told: promise,
        forget() {
          listeners.delete(resolve);
          if (listeners.size === 0 && waiting.get(name) === listeners) waiting.delete(name);
        },
      };
    },
  };
}

/** Neither part can hold a NUL: keys are visible ASCII. */
function nameOf(groupId: string, stepKey: string): string {
  return `${groupId}\0${stepKey}`;
}

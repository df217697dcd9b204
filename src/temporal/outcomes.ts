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
  /** True for the one waiter that this answer is the first answer for. */
  first: boolean;
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

export function createOutcomes(): Outcomes {
  const waiting = new Map<string, Set<Listener>>();
  return {
    publish(input, outcome) {
      let first = true;
      for (const listener of waiting.get(nameOf(input.groupId, input.stepKey)) ?? []) {
        listener({ input, outcome, first });
        first = false;
      }
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

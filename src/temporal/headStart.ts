/**
 * The step that a caller waits for begins when Temporal has its saga or sends the act, and not only
 * when the saga's code has asked for it: between the two lie three milliseconds of the SDK's ways
 * between its threads, which the database can use. The saga asks for the step all the same, gets
 * the answer of the one that was begun, and writes the same history. Where anything is not as
 * expected nothing is begun, and the saga's own request is the first.
 */
import type { StepInput, StepOutcome } from '../contracts/steps.ts';

export interface HeadStarts {
  /** The gateway's: this step may begin once a task that takes it is here. */
  offer(step: string, input: StepInput, run: () => Promise<StepOutcome>): HeadStart;
  /** The worker's, see `BeginStep`. */
  begin: BeginStep;
  /** The activity's: the answer of the step that was begun, once; undefined where none was. */
  take(input: StepInput): Promise<StepOutcome> | undefined;
}

/** One step, offered by who waits for it. */
export interface HeadStart {
  /** Temporal has the saga and gave its first task to this process: begins what has not begun. */
  begin(): void;
  /** Always called, or the offers would grow. */
  withdraw(): void;
}

/**
 * A task of the group's saga takes this step with this argument, as it travels. Begins it where
 * somebody in this process asked for that very step with that very input: then the input is known
 * to be of the right shape, and the task to be the answer to the request.
 */
export type BeginStep = (step: string, groupId: string, argument: Uint8Array) => void;

interface Offer {
  step: string;
  /** The input as it travels. */
  text: string;
  isUsed: boolean;
  run(): Promise<StepOutcome>;
}

interface Begun {
  answer: Promise<StepOutcome>;
  at: number;
}

/**
 * How long an answer waits for the saga to ask, in milliseconds. It does so at once; where its task
 * was lost in between, another task asks later, and the ledger then knows more than the answer.
 */
const KEPT_MS = 5_000;

/** None yet: one a process, shared by its gateway, its worker and its activities. */
export function createHeadStarts(now = Date.now): HeadStarts {
  const offers = new Map<string, Set<Offer>>();
  const begun = new Map<string, Begun>();

  function begin(offer: Offer): void {
    if (offer.isUsed) return;
    offer.isUsed = true;
    if (begun.has(offer.text)) return;
    forgetOld(begun, now());
    const answer = offer.run();
    // Whoever takes it hears of it.
    answer.catch(() => {});
    begun.set(offer.text, { answer, at: now() });
  }

  return {
    offer(step, input, run) {
      const { groupId } = input;
      const offer = { step, text: JSON.stringify(input), isUsed: false, run };
      const ofGroup = offers.get(groupId) ?? new Set();
      offers.set(groupId, ofGroup.add(offer));
      return {
        begin: () => begin(offer),
        withdraw() {
          ofGroup.delete(offer);
          if (ofGroup.size === 0 && offers.get(groupId) === ofGroup) offers.delete(groupId);
        },
      };
    },
    begin(step, groupId, argument) {
      const ofGroup = offers.get(groupId);
      if (ofGroup === undefined) return;
      const text = Buffer.from(argument).toString();
      const offer = [...ofGroup].find((each) => each.step === step && each.text === text);
      if (offer !== undefined) begin(offer);
    },
    take(input) {
      if (begun.size === 0) return undefined;
      const text = JSON.stringify(input);
      const found = begun.get(text);
      begun.delete(text);
      return found && now() - found.at < KEPT_MS ? found.answer : undefined;
    },
  };
}

/** They stand in the order in which they began. */
function forgetOld(begun: Map<string, Begun>, now: number): void {
  for (const [text, { at }] of begun) {
    if (now - at < KEPT_MS) return;
    begun.delete(text);
  }
}

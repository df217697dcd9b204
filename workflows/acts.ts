/**
 * How people act on a saga: updates, signals and the `status` query. Every saga takes every act, so
 * that one which does not fit is refused by the ledger, in words and for every caller alike.
 */
import {
  CancellationScope,
  condition,
  currentUpdateInfo,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import type { Group } from '../src/contracts/resources.ts';
import {
  type SagaUpdate,
  type SagaUpdates,
  SIGNAL,
  type SignalReason,
  STEP_OF_UPDATE,
  type UpdateAnswer,
} from '../src/contracts/sagas.ts';
import type { StepOutcome } from '../src/contracts/steps.ts';
import { checkInput, completeInput, isTyped, saidReason, TEMPORAL_UI } from './actInputs.ts';
import type { ToldRefusal } from './details.ts';
import type { GroupSaga } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';
import { answerPerson } from './personAnswers.ts';

/** The acts that exist as buttons: whole group, no amounts. */
export type WholeGroupAct = 'settle' | 'release' | 'cancel';

/** Which update a button stands for in this kind of saga. */
export type Buttons = Record<WholeGroupAct, SagaUpdate>;

/** The transfer's own acts; a saga of another kind names its own where it has them. */
export const TRANSFER_BUTTONS: Buttons = { settle: 'settle', release: 'release', cancel: 'cancel' };

/** Answer of the `status` query. */
export interface SagaStatus {
  group: Group | null;
  next: string;
  people: string[];
  lastRefusal: ToldRefusal | null;
}

const statusQuery = defineQuery<SagaStatus>('status');

const UPDATE_DESCRIPTIONS: Record<SagaUpdate, string> = {
  addLegs: 'Holds more legs, all or none: {"legs": [{"wallet", "type", "amount"}]}.',
  settle: 'Captures what is held: {} for all, or {"legs": [{"leg", "amount"}], "final": true}.',
  release: 'Gives back what remains, conditions met or in dispute: {"reason": "…"}.',
  cancel: 'Gives back what remains before conditions were met: {"reason": "…"}.',
  extend: 'Moves the deadline to so many seconds from now: {"expiresIn": 3600}.',
  confirm: 'Credits a pending deposit: {} for all, or {"amount": "1.5"}.',
  cancelDeposit: 'Drops a pending deposit that will not come: {"reason": "…"}.',
  finalize: 'Says that a withdrawal was paid outside: {"txid": "…"}, in part with "amount".',
  releaseWithdrawal: 'Gives a withdrawal back that was not and will not be paid: {"reason": "…"}.',
  speedUp: 'Pays with a higher fee, on the same nonce: {} or {"maxFee": "0.01"}.',
  cancelOnChain: 'Takes the nonce of a payment that no block has: {} or {"maxFee": "0.01"}.',
};

const SIGNAL_DESCRIPTIONS: Record<WholeGroupAct, string> = {
  settle: 'Captures everything that is held. Input: a reason in quotes.',
  release: 'Gives everything back, conditions met or in dispute. Input: a reason in quotes.',
  cancel: 'Gives everything back before conditions were met. Input: a reason in quotes.',
};

/** Registers all handlers; called before the first await, so that no act finds a deaf saga. */
export function handleActs(saga: GroupSaga, buttons: Buttons): void {
  for (const update of Object.keys(STEP_OF_UPDATE) as SagaUpdate[]) handleUpdate(saga, update);
  for (const button of Object.keys(buttons) as WholeGroupAct[]) {
    handleButton(saga, button, buttons[button]);
  }
  setHandler(defineSignal(SIGNAL.ledgerChanged), () => saga.readAgain(), {
    description: 'Read the group again. Carries nothing; harmless at any time.',
  });
  setHandler(
    statusQuery,
    () => ({ group: saga.group, lastRefusal: saga.lastRefusal, ...saga.guidance() }),
    { description: 'The group as the ledger last told it, what comes next, who can do what.' },
  );
}

/** `caller` is the gateway's; a person at the UI sends the input alone. */
type UpdateArgs = [input: unknown, caller: string | undefined];

function handleUpdate(saga: GroupSaga, update: SagaUpdate): void {
  const definition = defineUpdate<UpdateAnswer, UpdateArgs>(update);
  const validator = (...[input]: UpdateArgs) => checkInput(update, input, saga.groupId);
  const handler = async (...[input, caller]: UpdateArgs) => {
    const updateId = currentUpdateInfo()?.id ?? update;
    const outcome = await act(saga, update, completeInput(update, input, saga.groupId, updateId));
    if (isTyped(input)) return answerPerson(outcome);
    return caller === undefined ? outcome : { ...outcome, caller };
  };
  setHandler(definition, handler, { description: UPDATE_DESCRIPTIONS[update], validator });
}

/**
 * A button's step has one key for ever: whole-group acts are idempotent by the group's status. Its
 * refusals are told and not stored (`freeze: false`), so that pressing it later may succeed.
 */
function handleButton(saga: GroupSaga, button: WholeGroupAct, update: SagaUpdate): void {
  setHandler(
    defineSignal<[SignalReason]>(SIGNAL[button]),
    async (said) => {
      const reason = saidReason(said) ?? `${button} by signal`;
      const input = completeInput(update, { reason }, saga.groupId, '');
      const asked = { ...input, stepKey: `~signal:${button}`, freeze: false };
      const outcome = await act(saga, update, asked);
      await recordSignal(saga, button, reason, outcome);
    },
    { description: SIGNAL_DESCRIPTIONS[button] },
  );
}

/** One act is one ledger step. It waits for the first step and is not cut off by a cancellation. */
function act<U extends SagaUpdate>(
  saga: GroupSaga,
  update: U,
  input: SagaUpdates[U],
): Promise<StepOutcome> {
  return CancellationScope.nonCancellable(async () => {
    await condition(() => saga.opened);
    const step = ledger[STEP_OF_UPDATE[update]] as (typeof ledger)['settle'];
    const summary = `${update}, asked for by ${input.actor.name}`;
    const outcome = await step.executeWithOptions({ summary }, [input as SagaUpdates['settle']]);
    return saga.learn(outcome, update, input.actor.name);
  });
}

/** Writes who pressed which button and why to the timeline, with the refusal if it was refused. */
async function recordSignal(
  saga: GroupSaga,
  button: WholeGroupAct,
  reason: string,
  outcome: StepOutcome,
): Promise<void> {
  if (saga.group === null) return;
  await CancellationScope.nonCancellable(() =>
    ledger.recordFact({
      groupId: saga.groupId,
      event: `signal.${button}`,
      actor: TEMPORAL_UI.name,
      reason,
      detail: outcome.outcome === 'refused' ? { refused: outcome.refusal } : {},
      // Workflow time is read from the history, so a retry writes the same fact and not another.
      key: `signal:${button}:${new Date().toISOString()}`,
    }),
  );
}

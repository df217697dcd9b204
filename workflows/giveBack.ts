/** Compensation of a group's first step: give back what it holds, whether it was written or not. */
import type { GroupKind } from '../src/contracts/resources.ts';
import type { StepOutcome } from '../src/contracts/steps.ts';
import { SAGA_ACTOR } from './deadline.ts';
import type { GroupSaga } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';
import type { Undo } from './saga.ts';

/** Reason of a group that was given back because its workflow was cancelled. */
const REASON = 'WORKFLOW_CANCELLED';
const STEP_KEY = '~cancelled';

/** The ledger function that gives a kind's group back. */
type GiveBackStep = 'cancel' | 'cancelDeposit' | 'releaseWithdrawal';

/**
 * Gives the group back. Where the ledger has no such group, a tombstone makes sure that a first
 * step which is still under way finds it cancelled. A group that is finished is left as it is.
 */
export function undoGroup(
  saga: GroupSaga,
  opened: { groupId: string; client: string; kind: GroupKind },
  step: GiveBackStep,
): Undo {
  return async () => {
    const { groupId, kind, client } = opened;
    const input = { groupId, stepKey: STEP_KEY, actor: SAGA_ACTOR, reason: REASON };
    const outcome = await giveBack(step, input);
    saga.learn(outcome, step, SAGA_ACTOR.name);
    if (outcome.outcome !== 'not_found') return;
    saga.learn(await ledger.tombstone({ ...input, kind, client }), 'tombstone', SAGA_ACTOR.name);
  };
}

function giveBack(
  step: GiveBackStep,
  input: { groupId: string; stepKey: string; actor: typeof SAGA_ACTOR; reason: string },
): Promise<StepOutcome> {
  const options = { summary: 'Give back: the workflow was cancelled' };
  if (step === 'releaseWithdrawal') {
    const whole = { ...input, amount: null, final: true };
    return ledger.releaseWithdrawal.executeWithOptions(options, [whole]);
  }
  return ledger[step].executeWithOptions(options, [input]);
}

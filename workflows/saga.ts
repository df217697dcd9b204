/** Compensation: how a saga undoes what it began. */
import { CancellationScope, TemporalFailure } from '@temporalio/workflow';

/** Undoes a step. Undoing what never took effect, or was undone before, is success. */
export type Undo = () => Promise<void>;

/**
 * Registers the undoing of a step. Called before the step, since a step may fail after its effect.
 */
export type Compensate = (undo: Undo) => void;

/**
 * Runs `body`; when it fails or is cancelled, undoes what was registered, the last first, and then
 * fails in the same way. Nothing is swallowed: an undo retries without end in its activity's
 * policy, so an error out of one means that somebody must look, and it surfaces.
 *
 * An error that is no Temporal failure is a bug in workflow code. It fails the workflow task, which
 * is tried again once the code is mended; to give money back because of it would make the bug
 * final.
 */
export async function withCompensation<Result>(
  body: (compensate: Compensate) => Promise<Result>,
): Promise<Result> {
  const undos: Undo[] = [];
  try {
    return await body((undo) => undos.push(undo));
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
    await CancellationScope.nonCancellable(async () => {
      for (const undo of undos.reverse()) await undo();
    });
    throw error;
  }
}

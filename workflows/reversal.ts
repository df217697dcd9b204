import type { ReverseInput } from '../src/contracts/steps.ts';
import { handleActs, TRANSFER_BUTTONS } from './acts.ts';
import type { Guidance } from './details.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';

/** Gives settled legs back in a new, linked group: one step, one workflow task, all or nothing. */
export function reversal(input: ReverseInput): Promise<SagaResult> {
  const saga = new GroupSaga(input.groupId, explain);
  handleActs(saga, TRANSFER_BUTTONS);
  return saga.run(async () => {
    const summary = `Reverse ${input.reverses}`;
    await saga.open(() => ledger.reverse.executeWithOptions({ summary }, [input]));
  });
}

function explain(saga: GroupSaga): Guidance {
  const next = saga.opened ? 'Nothing, this reversal has ended.' : 'The ledger books the reversal.';
  return { next, people: [] };
}

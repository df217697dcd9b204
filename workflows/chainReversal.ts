import { getExternalWorkflowHandle, TemporalFailure } from '@temporalio/workflow';
import type { ReversalOutcome } from '../activities/chainActivities.ts';
import { plainText } from '../src/contracts/markdown.ts';
import { type ChainReversalInput, SIGNAL } from '../src/contracts/sagas.ts';
import { handleActs, TRANSFER_BUTTONS } from './acts.ts';
import { ChainWait, chain } from './chainSteps.ts';
import type { Guidance } from './details.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';

/**
 * Takes back the credit of a deposit whose block was dropped. One ledger step does it all; what is
 * left is to tell the sagas of the holds that it ended. Where the coins came into the chain again
 * meanwhile there is nothing to do.
 */
export function chainReversal(input: ChainReversalInput): Promise<SagaResult> {
  let look: ReversalOutcome | null = null;
  const saga = new GroupSaga(input.groupId, (self) => explain(self, look));
  const wait = new ChainWait();
  handleActs(saga, TRANSFER_BUTTONS);
  return saga.run(async () => {
    const summary = 'Take the credit back, if it is not in the new branch';
    for (;;) {
      wait.beforeLook();
      const found = await chain.reverseChainDeposit.executeWithOptions({ summary }, [input]);
      look = found;
      if (found.outcome !== 'waiting') {
        // Without a group there is nothing that anybody could act on.
        await saga.open(async () =>
          found.outcome === 'not_needed' ? { outcome: 'not_found' } : found,
        );
        break;
      }
      await wait.pause('Next look at the new branch, if no hint comes', null, () => false);
    }
    for (const groupId of releasedBy(look)) await tell(groupId);
  });
}

/** Groups whose holds the reversal ended; the ledger noted them. */
function releasedBy(look: ReversalOutcome): string[] {
  if (look.outcome !== 'done') return [];
  return (look.group.metadata.released ?? []) as string[];
}

/** A hint: a saga that is gone, or does not get it, reads the same at its next step. */
async function tell(groupId: string): Promise<void> {
  try {
    await getExternalWorkflowHandle(groupId).signal(SIGNAL.ledgerChanged);
  } catch (error) {
    if (!(error instanceof TemporalFailure)) throw error;
  }
}

function explain(saga: GroupSaga, look: ReversalOutcome | null): Guidance {
  if (look === null) return { next: 'Takes the credit back.', people: [] };
  if (look.outcome === 'not_needed') {
    return { next: `Nothing: ${plainText(look.why)}.`, people: [] };
  }
  if (look.outcome === 'waiting') {
    const people = ['nothing: the chain decides. Signal `chainChanged` makes it look again'];
    return { next: `Takes the credit back later: ${plainText(look.why)}.`, people };
  }
  const { wallet, taken, shortfall } = saga.group?.metadata ?? {};
  return {
    next:
      `Nothing here: ${taken} came back from \`${wallet}\`, ${shortfall} is owed. The wallet is ` +
      'frozen until somebody has looked.',
    people: ['let the wallet go on: POST /v1/wallets/{id}/unfreeze with a reason'],
  };
}

import { continueAsNew, setCurrentDetails, sleep } from '@temporalio/workflow';
import { codeText, plainText } from '../src/contracts/markdown.ts';
import { chain, isTimeForNewRun } from './chainSteps.ts';

/** A block comes within it on most chains; nodes forget bytes, so they are sent again each time. */
const LOOK_EVERY_MS = 15_000;

/**
 * Spends the nonce of a group that ended without paying and whose end is in no block any more, by a
 * transfer of nothing. Started by the watcher, as often as that is so; it ends when a block has
 * anything on the nonce. What that means is booked by the ledger when the block is final.
 */
export async function spendNonce(groupId: string): Promise<void> {
  const summary = 'Sign and send a transfer of nothing, where the nonce is open';
  for (;;) {
    const why = await chain.spendNonce.executeWithOptions({ summary }, [groupId]);
    if (why === null) return setCurrentDetails('Nothing is left to be done.');
    setCurrentDetails(
      `Waits for a block that spends the nonce of ${codeText(groupId)}: ${plainText(why)}.`,
    );
    if (isTimeForNewRun()) await continueAsNew<typeof spendNonce>(groupId);
    await sleep(LOOK_EVERY_MS);
  }
}

import { continueAsNew } from '@temporalio/workflow';
import type { CollectionInput } from '../src/contracts/sagas.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainPayment, isIncluded, isUnsigned, nextOf } from './chainPayment.ts';
import { chainLedger } from './chainSteps.ts';
import type { Guidance } from './details.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';

const BUTTONS: Buttons = { settle: 'finalize', release: 'releaseWithdrawal', cancel: 'cancel' };

/**
 * Moves coins from a deposit address to the hot wallet, or gas from the hot wallet to a deposit
 * address. The ledger opened the group with all that it says; it is paid as a withdrawal is. One
 * that cannot be signed ends by itself, and the next one begins with the amounts of its day.
 */
export function collection(input: CollectionInput): Promise<SagaResult> {
  const { groupId, amount, asset, from, to } = input;
  const payment = new ChainPayment();
  const saga = new GroupSaga(groupId, (self) => explain(self, payment, input));
  handleActs(saga, BUTTONS);
  return saga.run(async () => {
    const summary = `Move ${amount} ${asset} from ${from} to ${to}`;
    await saga.open(() => chainLedger.readCollection.executeWithOptions({ summary }, [groupId]));
    await payment.follow(saga, {
      goOn: () => continueAsNew<typeof collection>(input),
      afterWait: () => abandonWhenStale(saga),
    });
  });
}

/** The ledger knows how old is too old, and whether anything was signed. */
async function abandonWhenStale(saga: GroupSaga): Promise<void> {
  if (!saga.isOpen() || !isUnsigned(saga)) return;
  const summary = 'End it, if nothing was signed for too long';
  const { groupId } = saga;
  if (await chainLedger.abandonCollection.executeWithOptions({ summary }, [groupId])) {
    await saga.readAgain();
  }
}

function explain(saga: GroupSaga, payment: ChainPayment, input: CollectionInput): Guidance {
  const { amount, asset, from, to, purpose, maxFee } = input;
  const what = purpose === 'top_up' ? 'Gas for tokens' : 'Collection';
  const way = `from \`${from}\` to \`${to}\``;
  const says = `${what}: ${amount} ${asset} ${way}, at a fee of at most ${maxFee}.`;
  if (!saga.opened) return { next: `${says} Reads it from the ledger.`, people: [] };
  if (!saga.isOpen()) return { next: `${says} Nothing, it has ended.`, people: [] };
  const people = isUnsigned(saga)
    ? ['nothing: it ends by itself where it cannot be paid']
    : isIncluded(saga)
      ? ['nothing: a block has it, so only the chain ends it']
      : ['raise its fee: update `speedUp`', 'try to take it back: update `cancelOnChain`'];
  return { next: `${says} ${nextOf(saga, payment)}`, people };
}

import { continueAsNew } from '@temporalio/workflow';
import { lineOf } from '../src/contracts/markdown.ts';
import type { OpenWithdrawalInput } from '../src/contracts/steps.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainPayment, isIncluded, isUnsigned, msUntil, nextOf } from './chainPayment.ts';
import { SAGA_ACTOR } from './deadline.ts';
import { type Guidance, readableTime } from './details.ts';
import { undoGroup } from './giveBack.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';
import { WithdrawalPolicy } from './withdrawalPolicy.ts';

const BUTTONS: Buttons = { settle: 'finalize', release: 'releaseWithdrawal', cancel: 'cancel' };

/**
 * A withdrawal to a chain: held, signed, sent, followed until its block is final. Until signing
 * begins it can be given back; from then on the chain decides.
 */
export function chainWithdrawal(input: OpenWithdrawalInput): Promise<SagaResult> {
  const payment = new ChainPayment();
  const policy = new WithdrawalPolicy(input);
  const saga = new GroupSaga(input.groupId, (self) => explain(self, payment, policy));
  handleActs(saga, BUTTONS);
  return saga.run(async (compensate) => {
    compensate(undoGroup(saga, { ...input, kind: 'withdrawal' }, 'releaseWithdrawal'));
    const summary = `Hold ${input.amount} of ${input.wallet} for ${lineOf(input.destination)}`;
    await saga.open(() => ledger.openWithdrawal.executeWithOptions({ summary }, [input]));
    await policy.pass(saga, (deadline) => expireAt(saga, deadline));
    await payment.follow(saga, {
      goOn: () => continueAsNew<typeof chainWithdrawal>(input),
      afterWait: () => expireWhenDue(saga),
    });
  });
}

/** The deadline ends a withdrawal only before signing began; the ledger says whether it did. */
async function expireWhenDue(saga: GroupSaga): Promise<void> {
  const { deadline } = saga;
  if (!saga.isOpen() || !isUnsigned(saga) || deadline === null || msUntil(deadline) > 0) return;
  await expireAt(saga, deadline);
}

async function expireAt(saga: GroupSaga, deadline: string): Promise<void> {
  const { groupId } = saga;
  const summary = `Expire: the deadline was ${readableTime(deadline)}`;
  const step = { groupId, stepKey: `~expire:${deadline}`, actor: SAGA_ACTOR, expiresAt: deadline };
  saga.learn(await ledger.expire.executeWithOptions({ summary }, [step]), 'expire', 'saga');
}

function explain(saga: GroupSaga, payment: ChainPayment, policy: WithdrawalPolicy): Guidance {
  if (!saga.opened) return { next: 'The ledger holds the amount.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this withdrawal has ended.', people: [] };
  const people = isUnsigned(saga)
    ? ['give it back: signal `release` with a reason, or the button Request Cancellation']
    : isIncluded(saga)
      ? ['nothing: a block has it, so only the chain ends it']
      : ['raise its fee: update `speedUp`', 'try to take it back: update `cancelOnChain`'];
  const asked = policy.guidance(saga);
  if (asked) return { next: asked.next, people: [...asked.people, ...people] };
  return { next: nextOf(saga, payment), people };
}

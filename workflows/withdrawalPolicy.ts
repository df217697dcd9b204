/** Between held and paid: a withdrawal waits here until the risk check and people have said yes. */
import { continueAsNew, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { createPolicyActivities } from '../activities/policyActivities.ts';
import { plainText } from '../src/contracts/markdown.ts';
import type { Group, WithdrawalApproval } from '../src/contracts/resources.ts';
import { SIGNAL } from '../src/contracts/sagas.ts';
import type { OpenWithdrawalInput } from '../src/contracts/steps.ts';
import { isTimeForNewRun } from './chainSteps.ts';
import type { Guidance } from './details.ts';
import type { GroupSaga } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';

/**
 * Work with somebody else's service, which may be slow: no local activity. That it gives no verdict
 * is a result; what is tried again here is that the ledger does not answer.
 */
const policy = proxyActivities<ReturnType<typeof createPolicyActivities>>({
  startToCloseTimeout: '90 seconds',
  retry: {
    initialInterval: '500 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
  },
});

/** First and longest pause between two looks for approvals without a hint, in milliseconds. */
const FIRST_LOOK_MS = 60_000;
const LONGEST_LOOK_MS = 900_000;
/** First and longest pause between two questions to a risk check that gives no verdict. */
const FIRST_QUESTION_MS = 2_000;
const LONGEST_QUESTION_MS = 300_000;
/** A deadline that the database does not see yet is asked for again after so long. */
const SHORTEST_PAUSE_MS = 1_000;

/** Asks the ledger to end the group, since its deadline has come by workflow time. */
type Expire = (deadline: string) => Promise<void>;

/**
 * Waits while the ledger says `awaiting_approval`. An approval is a row that the API wrote; the
 * signal is a hint that says nothing, and one that was lost is made good by a timer.
 */
export class WithdrawalPolicy {
  private readonly input: OpenWithdrawalInput;
  private hinted = false;
  /** The saga, once nothing had to be approved any more: a no may still end it. */
  private passed: GroupSaga | null = null;
  /** Why the risk check gave no verdict the last time. */
  private fault: string | null = null;

  /** Registers the signal; called before the first await. */
  constructor(input: OpenWithdrawalInput) {
    this.input = input;
    setHandler(
      defineSignal(SIGNAL.policyChanged),
      async () => {
        this.hinted = true;
        if (this.passed?.isOpen()) await this.look(this.passed);
      },
      { description: 'Read again whether the withdrawal was approved. Carries nothing.' },
    );
  }

  /**
   * Returns as soon as nothing has to be approved any more, or the group has ended.
   *
   * @throws CancelledFailure when the workflow was cancelled
   */
  async pass(saga: GroupSaga, expire: Expire): Promise<void> {
    await this.approved(saga, expire);
    this.passed = saga;
  }

  private async approved(saga: GroupSaga, expire: Expire): Promise<void> {
    let lookMs = FIRST_LOOK_MS;
    let questionMs = FIRST_QUESTION_MS;
    while (isAwaitingApproval(saga)) {
      saga.throwIfCancelled();
      if (isTimeForNewRun()) await continueAsNew(this.input);
      this.hinted = false;
      await this.look(saga);
      const { deadline } = saga;
      if (isAwaitingApproval(saga) && deadline && msUntil(deadline) <= 0) await expire(deadline);
      if (!isAwaitingApproval(saga)) return;
      const isAsking = isRiskPending(saga);
      await this.pause(saga, isAsking ? questionMs : lookMs);
      if (isAsking) questionMs = Math.min(questionMs * 2, LONGEST_QUESTION_MS);
      else if (!this.hinted) lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS);
    }
  }

  /** What is waited for and what a person can do, or null where nothing is. */
  guidance(saga: GroupSaga): Guidance | null {
    if (!isAwaitingApproval(saga)) return null;
    const { approval } = saga.group?.withdrawal ?? {};
    if (approval?.risk !== 'pending') {
      return { next: waitsFor(approval, this.input.client), people: [HOW_TO_APPROVE] };
    }
    const fault =
      this.fault === null ? '' : ` It gave no verdict: ${plainText(this.fault)}. Asks again.`;
    const people = ['refuse it: `POST /v1/withdrawals/{id}/reject`'];
    return { next: `Waits for the risk check.${fault}`, people };
  }

  private async look(saga: GroupSaga): Promise<void> {
    const args: [string] = [saga.groupId];
    if (!isRiskPending(saga)) {
      const options = { summary: 'Was it approved?' };
      return learn(saga, await ledger.readGroup.executeWithOptions(options, args));
    }
    const options = { summary: 'Ask the risk check' };
    const { group, fault } = await policy.checkRisk.executeWithOptions(options, args);
    this.fault = fault;
    learn(saga, group);
  }

  private pause(saga: GroupSaga, atMostMs: number): Promise<void> {
    const due = saga.deadline === null ? atMostMs : msUntil(saga.deadline);
    const ms = Math.max(Math.min(atMostMs, due), SHORTEST_PAUSE_MS);
    const summary = isRiskPending(saga)
      ? 'Ask the risk check again'
      : 'Look again whether it was approved';
    return saga.waitForChange({ ms, summary }, () => this.hinted || !isAwaitingApproval(saga));
  }
}

/** Whether somebody has to say yes before the withdrawal goes on. */
function isAwaitingApproval(saga: GroupSaga): boolean {
  return saga.isOpen() && saga.group?.withdrawal?.state === 'awaiting_approval';
}

function isRiskPending(saga: GroupSaga): boolean {
  return isAwaitingApproval(saga) && saga.group?.withdrawal?.approval?.risk === 'pending';
}

function learn(saga: GroupSaga, group: Group | null): void {
  if (group === null) {
    saga.learn({ outcome: 'not_found' }, 'look', 'policy');
    return;
  }
  const { status: groupStatus } = group;
  saga.learn({ outcome: 'done', replayed: false, groupStatus, group }, 'look', 'policy');
}

function waitsFor(approval: WithdrawalApproval | undefined, client: string): string {
  if (approval === undefined) return 'Waits for an approval.';
  const { needed, given, rule, risk } = approval;
  const words = needed === 1 ? '1 approval by a client' : `${needed} approvals by clients`;
  const by = given.length === 0 ? 'none yet' : `given by ${plainText(given.join(', '))}`;
  const asked = [
    ...(rule === null ? [] : [`rule ${plainText(rule)}`]),
    ...(risk === 'review' ? ['the risk check'] : []),
  ].join(' and ');
  return `Waits for ${words} other than ${plainText(client)}; ${by}. Asked for by ${asked}.`;
}

/** Approving is not possible at the UI: a name that is typed there is a claim. */
const HOW_TO_APPROVE =
  'approve or reject it: `POST /v1/withdrawals/{id}/approve` or `/reject`, with an API key of' +
  ' another client; the UI cannot, since it cannot tell who you are';

/** By workflow time; a millisecond more than `Date.parse` keeps, so that the database agrees. */
function msUntil(deadline: string): number {
  return Date.parse(deadline) + 1 - Date.now();
}

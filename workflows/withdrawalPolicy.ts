/** Between held and paid: a withdrawal waits here until people and the risk check have said yes. */
import { continueAsNew, defineSignal, setHandler } from '@temporalio/workflow';
import type { WithdrawalApproval } from '../src/contracts/resources.ts';
import { SIGNAL } from '../src/contracts/sagas.ts';
import type { OpenWithdrawalInput } from '../src/contracts/steps.ts';
import { isTimeForNewRun } from './chainSteps.ts';
import type { GroupSaga } from './groupSaga.ts';
import { ledger } from './ledgerSteps.ts';

/** First and longest pause between two looks without a hint, in milliseconds. */
const FIRST_LOOK_MS = 60_000;
const LONGEST_PAUSE_MS = 3_600_000;
/** A deadline that the database does not see yet is asked for again after so long. */
const SHORTEST_PAUSE_MS = 1_000;

/** What the phase needs of its saga. */
export interface PolicyPhase {
  input: OpenWithdrawalInput;
  /** Asks the ledger to end the group, since its deadline has come by workflow time. */
  expire(deadline: string): Promise<void>;
}

/**
 * Waits while the ledger says `awaiting_approval`. An approval is a row that the API wrote; the
 * signal is a hint that says nothing, and one that was lost is made good by a timer.
 */
export class PolicyWait {
  private hinted = false;

  /** Registers the signal; called before the first await. */
  constructor() {
    setHandler(
      defineSignal(SIGNAL.policyChanged),
      () => {
        this.hinted = true;
      },
      { description: 'Read again whether the withdrawal was approved. Carries nothing.' },
    );
  }

  /**
   * Returns as soon as nothing has to be approved any more, or the group has ended.
   *
   * @throws CancelledFailure when the workflow was cancelled
   */
  async pass(saga: GroupSaga, { input, expire }: PolicyPhase): Promise<void> {
    let pauseMs = FIRST_LOOK_MS;
    while (isAwaitingApproval(saga)) {
      saga.throwIfCancelled();
      if (isTimeForNewRun()) await continueAsNew(input);
      const due = saga.deadline === null ? pauseMs : msUntil(saga.deadline);
      const ms = Math.max(Math.min(pauseMs, due), SHORTEST_PAUSE_MS);
      const isOver = () => this.hinted || !isAwaitingApproval(saga);
      await saga.waitForChange({ ms, summary: 'Look again whether it was approved' }, isOver);
      if (!this.hinted) pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      this.hinted = false;
      await look(saga);
      const { deadline } = saga;
      if (isAwaitingApproval(saga) && deadline && msUntil(deadline) <= 0) await expire(deadline);
    }
  }
}

/** Whether somebody has to say yes before the withdrawal goes on. */
export function isAwaitingApproval(saga: GroupSaga): boolean {
  return saga.isOpen() && saga.group?.withdrawal?.state === 'awaiting_approval';
}

async function look(saga: GroupSaga): Promise<void> {
  if (!isAwaitingApproval(saga)) return;
  const options = { summary: 'Was it approved?' };
  const group = await ledger.readGroup.executeWithOptions(options, [saga.groupId]);
  if (group === null) return;
  const { status: groupStatus } = group;
  saga.learn({ outcome: 'done', replayed: false, groupStatus, group }, 'look', 'policy');
}

/** What is waited for, in a sentence for the details. */
export function waitsFor(approval: WithdrawalApproval | undefined, client: string): string {
  if (approval === undefined) return 'Waits for an approval.';
  const { needed, given, rule } = approval;
  const by = given.length === 0 ? 'none yet' : `given by ${given.join(', ')}`;
  const asked = rule === null ? '' : ` Rule ${rule} asks for it.`;
  const words = needed === 1 ? '1 approval by a client' : `${needed} approvals by clients`;
  return `Waits for ${words} other than ${client}; ${by}.${asked}`;
}

/** What a person can do meanwhile: approving is not possible here, a name typed is a claim. */
export const APPROVAL_PEOPLE = [
  'approve or reject it: `POST /v1/withdrawals/{id}/approve` or `/reject`, with an API key of' +
    ' another client; the UI cannot, since it cannot tell who you are',
];

/** By workflow time; a millisecond more than `Date.parse` keeps, so that the database agrees. */
function msUntil(deadline: string): number {
  return Date.parse(deadline) + 1 - Date.now();
}

/** What stands between every saga and its local activities; see `bundleWorkflows`. */
import type {
  LocalActivityInput,
  Next,
  WorkflowInterceptors,
  WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';

/**
 * Local activities of a saga run one after the other. The history tells in which order two that
 * were under way at once have answered, but a replay gives a workflow both answers together, so
 * what follows from them may be asked for in another order than it was: such a saga would stand
 * still for ever, with a task that fails as not deterministic. They are steps of one group, which
 * wait for its lock anyway.
 */
class StepOrder implements WorkflowOutboundCallsInterceptor {
  private last: Promise<unknown> | null = null;

  scheduleLocalActivity(
    input: LocalActivityInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'scheduleLocalActivity'>,
  ): Promise<unknown> {
    const run = this.last === null ? next(input) : this.last.then(() => next(input));
    const ended = run
      .catch(() => {})
      .then(() => {
        if (this.last === ended) this.last = null;
      });
    this.last = ended;
    return run;
  }
}

/** Called once a saga. */
export const interceptors = (): WorkflowInterceptors => ({ outbound: [new StepOrder()] });

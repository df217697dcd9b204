/** What stands between every saga and its local activities; see `bundleWorkflows`. */
import {
  CancellationScope,
  type LocalActivityInput,
  type Next,
  sleep,
  type WorkflowInterceptors,
  type WorkflowOutboundCallsInterceptor,
} from '@temporalio/workflow';

/**
 * Answers of so many bytes go into one workflow task. Each is written twice, as the step's and as
 * the answer to an update, and Temporal ends a saga whose task writes more than 4 MB.
 */
const MOST_BYTES = 1_500_000;
/** What is written around an answer: times, names, a summary. */
const MARKER_BYTES = 500;

/**
 * Local activities of a saga run one after the other. The history tells in which order two that
 * were under way at once have answered, but a replay gives a workflow both answers together, so
 * what follows from them may be asked for in another order than it was: such a saga would stand
 * still for ever, with a task that fails as not deterministic. They are steps of one group, which
 * wait for its lock anyway.
 *
 * Large groups have large answers. When those of a task fill it, a pause ends it, of a second since
 * Temporal's timers know no shorter one. It follows from the answers and from workflow time alone,
 * so a replay pauses at the same place.
 */
class StepOrder implements WorkflowOutboundCallsInterceptor {
  private last: Promise<unknown> | null = null;
  /** Of the answers of this task, as far as it is known to be one, and of the last of them. */
  private bytes = 0;
  private lastBytes = 0;
  /** Of the last answer, by workflow time, which is read from the history. */
  private answeredAt = 0;

  scheduleLocalActivity(
    input: LocalActivityInput,
    next: Next<WorkflowOutboundCallsInterceptor, 'scheduleLocalActivity'>,
  ): Promise<unknown> {
    // With nothing under way a task goes on for as long as its last answer is the present.
    if (this.last === null && Date.now() !== this.answeredAt) this.bytes = 0;
    const take = () => (this.isFull() ? this.pause().then(() => next(input)) : next(input));
    const run = this.last === null ? take() : this.last.then(take);
    const ended = run
      .then(
        (answer) => this.count(answer),
        () => {},
      )
      .then(() => {
        if (this.last === ended) this.last = null;
      });
    this.last = ended;
    return run;
  }

  private count(answer: unknown): void {
    const text = JSON.stringify(answer) ?? '';
    this.lastBytes = new TextEncoder().encode(text).length + MARKER_BYTES;
    this.bytes += this.lastBytes;
    this.answeredAt = Date.now();
  }

  /** The next answer is likely as large as the last. */
  private isFull(): boolean {
    return this.bytes + this.lastBytes > MOST_BYTES;
  }

  private async pause(): Promise<void> {
    this.bytes = 0;
    await CancellationScope.nonCancellable(() => sleep(1));
  }
}

/** Called once a saga. */
export const interceptors = (): WorkflowInterceptors => ({ outbound: [new StepOrder()] });

/** The chain's activities as the workflows call them, and the hints that wake them. */
import {
  allHandlersFinished,
  condition,
  defineSignal,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { createChainActivities } from '../activities/chainActivities.ts';
import { CHAIN_TASK_QUEUE, SIGNAL } from '../src/contracts/sagas.ts';
import { LEDGER_STEP } from './ledgerSteps.ts';

type ChainActivities = ReturnType<typeof createChainActivities>;

/**
 * Work with a node. It has a task queue of its own and is tried again without end: to go on without
 * the node's answer is never right.
 */
export const chain = proxyActivities<ChainActivities>({
  taskQueue: CHAIN_TASK_QUEUE,
  /** Several calls of a slow node, each with its own time-out, and the ledger's. */
  startToCloseTimeout: '90 seconds',
  /** A worker that died in the middle is noticed, and another one goes on; see `heartbeats.ts`. */
  heartbeatTimeout: '10 seconds',
  retry: {
    initialInterval: '500 milliseconds',
    backoffCoefficient: 2,
    maximumInterval: '1 minute',
  },
});

/** Work with Postgres alone; see `ledgerSteps.ts`. */
export const chainLedger = proxyLocalActivities<ChainActivities>(LEDGER_STEP);

/** First look without a hint, and the longest pause between two of them, in milliseconds. */
const FIRST_LOOK_MS = 10_000;
const LONGEST_PAUSE_MS = 3_600_000;

/**
 * Whether this run should end and a new one go on, so that its history stays short. Only between
 * acts: one that is under way would be lost to whoever asked.
 */
export function isTimeForNewRun(): boolean {
  return workflowInfo().continueAsNewSuggested && allHandlersFinished();
}

/**
 * Waiting for the chain. A signal is a hint: it ends the wait, it says nothing. One that was lost
 * is made good by a timer whose pauses grow from look to look while nothing changes.
 */
export class ChainWait {
  private hinted = false;
  private pauseMs: number;
  private readonly firstMs: number;

  /**
   * Registers the signal; called before the first await.
   *
   * @param firstMs first look without a hint
   */
  constructor(firstMs = FIRST_LOOK_MS) {
    this.firstMs = firstMs;
    this.pauseMs = firstMs;
    setHandler(
      defineSignal(SIGNAL.chainChanged),
      () => {
        this.hinted = true;
      },
      { description: 'Look at the chain again. Carries nothing; harmless at any time.' },
    );
  }

  /** What comes next is looked at as if for the first time. */
  quicken(): void {
    this.pauseMs = this.firstMs;
  }

  /** A hint that comes from here on ends the next wait: called before each look. */
  beforeLook(): void {
    this.hinted = false;
  }

  /**
   * Waits for a hint, for `isOver`, or for the timer.
   *
   * @param atMostMs sooner than the growing pause, where something else is due
   */
  async pause(summary: string, atMostMs: number | null, isOver: () => boolean): Promise<void> {
    const ms = Math.max(1, Math.min(this.pauseMs, atMostMs ?? LONGEST_PAUSE_MS));
    const woken = await condition(() => this.hinted || isOver(), ms, { summary });
    // Without a hint nothing happened: the next look may come later.
    if (!woken && ms === this.pauseMs) {
      this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }
}

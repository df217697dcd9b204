/** Tells Temporal that a worker is alive while it is at work with a node. */
import type { Context } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** Several within the time-out of `workflows/chainSteps.ts`. */
const EVERY_MS = 2_000;

/**
 * Heartbeats for as long as an activity runs. A node may be slow for longer than people want to
 * wait for a worker that was killed, so the two are told apart.
 */
export const heartbeats: ActivityInterceptorsFactory = (context: Context) => ({
  inbound: {
    async execute(input, next) {
      const beating = setInterval(() => context.heartbeat(), EVERY_MS);
      try {
        return await next(input);
      } finally {
        clearInterval(beating);
      }
    },
  },
});

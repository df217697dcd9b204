/**
 * Which open groups a pass of the sweeper looks up, and how far it is. Each is a question to
 * Temporal, so of very many a pass takes some, oldest first, and the next one goes on behind them.
 */
import type { SweepCursor } from '../../activities/sweepActivities.ts';
import type { Timestamp } from '../contracts/resources.ts';

/** A few seconds of a minute: a question costs server and service about a millisecond each. */
export const MOST_LOOKED_UP = 3_000;

export interface SweepWalk {
  /**
   * A round is about the groups that were made before it began: it has an end, however fast others
   * come, and the next one begins with the oldest again.
   */
  until: Timestamp;
  /** How many more this pass looks up; null: all that the round has. */
  left: number | null;
  /** The ledger's own cursor within the round. */
  after: string | null;
}

/** The walk as the text that `workflows/repair.ts` carries from batch to batch and pass to pass. */
export function cursorOf(walk: SweepWalk): string {
  return JSON.stringify(walk);
}

/** Reads it back. Null where a round begins. */
export function walkAt(cursor: SweepCursor): SweepWalk | null {
  return cursor === null ? null : (JSON.parse(cursor) as SweepWalk);
}

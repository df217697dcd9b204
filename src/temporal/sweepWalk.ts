/**
 * Which open groups a pass of the sweeper looks up, and how far it is. Each is a question to
 * Temporal, so of very many a pass takes a part, and the next one the next part.
 */
import type { SweepCursor } from '../../activities/sweepActivities.ts';

/** A few seconds of a minute: a question costs server and service about a millisecond each. */
export const MOST_LOOKED_UP = 3_000;
/** Passes are a minute apart. */
const PASS_MS = 60_000;

export interface SweepWalk {
  /** Of how many parts the pass takes one; 1: it takes all. */
  parts: number;
  part: number;
  /** The ledger's own cursor within it. */
  after: string | null;
}

/** All of them from the beginning: what follows where many were found without a saga. */
export const WHOLE: SweepWalk = { parts: 1, part: 0, after: null };

/** The walk of a pass that begins now, over so many open groups. */
export function beginWalk(openGroups: number, most: number, nowMs: number): SweepWalk {
  const parts = Math.max(1, Math.ceil(openGroups / most));
  return { parts, part: Math.floor(nowMs / PASS_MS) % parts, after: null };
}

/** The walk as the text that `workflows/repair.ts` carries from batch to batch. */
export function cursorOf({ parts, part, after }: SweepWalk): string {
  return `${parts}.${part}.${after ?? ''}`;
}

/** Reads it back. Null for the beginning of a pass. */
export function walkAt(cursor: SweepCursor): SweepWalk | null {
  if (cursor === null) return null;
  const [parts, part, after] = cursor.split('.');
  return { parts: Number(parts), part: Number(part), after: after || null };
}

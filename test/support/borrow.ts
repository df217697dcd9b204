/** A test file's side of the broker, and what it does when the file ends. */
import { inject, type RunnerTask } from 'vitest';
import type { Loans } from './loans.ts';

/** Asks the broker; waits while it starts what was asked for. */
export async function borrow<K extends keyof Loans>(what: K, argument = ''): Promise<Loans[K]> {
  const response = await fetch(`${inject('brokerUrl')}/${what}/${encodeURIComponent(argument)}`);
  const body = (await response.json()) as Loans[K] & { error?: string };
  if (!response.ok) throw new Error(body.error);
  return body;
}

type FileEnd = (failed: boolean) => Promise<void>;
const fileEnds: FileEnd[] = [];

/** Runs when the test file has ended, latest first; is told whether a test of it failed. */
export function atFileEnd(end: FileEnd): void {
  fileEnds.push(end);
}

let file: Readonly<RunnerTask> | undefined;

/** Told by `fileEnd.ts` before the first test. */
export function fileBegins(task: Readonly<RunnerTask>): void {
  file = task;
}

/** True when a test or hook of this file has failed up to now. */
export function hasFailedSoFar(): boolean {
  return file !== undefined && hasFailed(file);
}

/** Called by `fileEnd.ts` after the last hook of the file. */
export async function runFileEnds(): Promise<void> {
  for (const end of fileEnds.splice(0).reverse()) await end(hasFailedSoFar());
}

function hasFailed(task: Readonly<RunnerTask>): boolean {
  if (task.result?.state === 'fail') return true;
  return 'tasks' in task && task.tasks.some(hasFailed);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { Workflow } from '@temporalio/worker/lib/workflow/interface.js';
import { expect, it } from 'vitest';
import { alertWhenStuck } from '../../src/temporal/sagaWorker.ts';

type Options = Parameters<Parameters<typeof alertWhenStuck>[0]['createWorkflow']>[0];

/** Workflow code that keeps its thread for so long, and what was told about it by its end. */
async function alertsAfter(ms: number): Promise<string[]> {
  const alerts: string[] = [];
  const workflow: Workflow = {
    activate: () => sleep(ms, { runId: 'run' }),
    getAndResetSinkCalls: () => Promise.resolve([]),
    dispose: () => Promise.resolve(),
  };
  const creator = alertWhenStuck(
    { createWorkflow: () => Promise.resolve(workflow), destroy: () => Promise.resolve() },
    { error: (message) => alerts.push(message) },
    20,
  );
  const watched = await creator.createWorkflow({ info: { workflowId: 'loop' } } as Options);
  expect(await watched.activate({})).toEqual({ runId: 'run' });
  await sleep(30);
  return alerts;
}

it('a workflow whose code does not end is told by an alert, once', async () => {
  const [alert, ...more] = await alertsAfter(200);
  expect(alert).toMatch(/^The code of workflow loop has run for 20 ms/);
  expect(more).toEqual([]);
});

it('a workflow whose code ends is not told', async () => {
  expect(await alertsAfter(0)).toEqual([]);
});

import { expect, test } from 'vitest';
import { onApi } from './apiDriver.ts';
import { deadlines, settlesRacingDeadlines } from './deadlines.ts';
import { tell } from './story.ts';

const on = onApi();

test('settle and the deadline at once: one wins', async () => {
  const workflowEnded = ({ id }: { id: string }) => on.temporal.workflow.getHandle(id).result();
  const counts = await settlesRacingDeadlines(on, workflowEnded);
  expect(counts.settled + counts.expired).toBe(16);
  expect(counts.expired).toBeGreaterThan(0);
});

tell(deadlines, on);

/**
 * The floor of `bench/saga.ts`: workflows of the shape of ours, with steps that do nothing. A local
 * activity, a timer, an update with a local activity; nothing that is only for people to read.
 */
import { condition, defineUpdate, proxyLocalActivities, setHandler } from '@temporalio/workflow';

interface EmptySteps {
  begin(id: string): Promise<string>;
  end(id: string): Promise<string>;
}

const steps = proxyLocalActivities<EmptySteps>({ startToCloseTimeout: '15 seconds' });

export async function emptySaga(id: string): Promise<string> {
  let opened = false;
  let ended = false;
  setHandler(defineUpdate<string>('settle'), async () => {
    await condition(() => opened);
    const answer = await steps.end(id);
    ended = true;
    return answer;
  });
  await steps.begin(id);
  opened = true;
  await condition(() => ended, '1 day');
  return id;
}

export async function emptyTransfer(id: string): Promise<string> {
  return steps.begin(id);
}

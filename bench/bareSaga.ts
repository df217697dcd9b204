/**
 * The least that a saga of this shape can be, for `bench/saga.ts`: a local activity, a timer, an
 * update with a local activity; nothing that is only for people to read.
 */
import { condition, defineUpdate, proxyLocalActivities, setHandler } from '@temporalio/workflow';

interface BareSteps {
  begin(id: string): Promise<string>;
  end(id: string): Promise<string>;
}

const steps = proxyLocalActivities<BareSteps>({ startToCloseTimeout: '15 seconds' });

/** Hold and settle. */
export async function bareSaga(id: string): Promise<string> {
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

/** An immediate transfer. */
export async function bareTransfer(id: string): Promise<string> {
  return steps.begin(id);
}

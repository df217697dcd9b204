/** Worker versioning: a saga stays on the build that began it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { faultOf } from './failures.ts';

const DEPLOYMENT_NAME = 'holdfast';

/** The server knows a build once its worker has polled; that takes some 100 ms. */
const KNOWN_WITHIN_MS = 15_000;
const PAUSE_MS = 100;

/**
 * PINNED: the tasks of a saga go to workers of the build that it began on, so that changed workflow
 * code never meets an old history. Old builds have to run until their sagas have ended.
 */
export function pinnedTo(buildId: string): WorkerDeploymentOptions {
  return {
    version: { deploymentName: DEPLOYMENT_NAME, buildId },
    useWorkerVersioning: true,
    defaultVersioningBehavior: 'PINNED',
  };
}

/**
 * Makes this build the one that new sagas begin on; until then a start that is not eager waits.
 * Called once the workers of the build poll.
 *
 * @throws an Error when the server does not get to know the build in time
 */
export async function makeCurrent(client: Client, buildId: string): Promise<void> {
  const until = Date.now() + KNOWN_WITHIN_MS;
  for (;;) {
    try {
      await client.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: client.options.namespace,
        deploymentName: DEPLOYMENT_NAME,
        buildId,
        identity: client.options.identity,
      });
      return;
    } catch (error) {
      const { fault, detail } = faultOf(error);
      if (!['not_found', 'rejected', 'busy'].includes(fault) || Date.now() > until) {
        throw new Error(`Temporal did not make build ${buildId} current: ${detail}`);
      }
      await sleep(PAUSE_MS);
    }
  }
}

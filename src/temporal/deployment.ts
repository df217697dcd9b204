/** Worker versioning: a saga stays on the build that began it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { WorkerDeploymentOptions } from '@temporalio/worker';
import type { Log } from '../observability/log.ts';
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
 * Called once the workers of the build poll. Where a build that was first seen later is current, it
 * stays so: a process of the old build that restarts in the middle of a rollout takes nothing back.
 *
 * @throws an Error when the server does not get to know the build in time
 */
export async function makeCurrent(client: Client, log: Log, buildId: string): Promise<void> {
  const until = Date.now() + KNOWN_WITHIN_MS;
  for (;;) {
    try {
      return await moveCurrent(client, log, buildId);
    } catch (error) {
      const { fault, detail } = faultOf(error);
      if (!['not_found', 'rejected', 'busy'].includes(fault) || Date.now() > until) {
        throw new Error(`Temporal did not make build ${buildId} current: ${detail}`);
      }
      await sleep(PAUSE_MS);
    }
  }
}

/**
 * Makes this build the current one where none ever was, as on a server that lost its database:
 * schedules would wait for one. What somebody moved by hand stays as it is.
 */
export async function ensureCurrent(client: Client, log: Log, buildId: string): Promise<void> {
  const { workerDeploymentInfo } = await describe(client);
  if (workerDeploymentInfo?.routingConfig?.currentVersionChangedTime) return;
  await moveCurrent(client, log, buildId);
}

/**
 * Warns where a build is current and the workers here are of none. Temporal gives them nothing that
 * begins now but what this process starts itself; the rest, the sweeper too, waits for that build.
 */
export async function warnWithoutBuild(client: Client, log: Log): Promise<void> {
  // A server that never saw a build answers that there is none, an old one that it knows no builds.
  const known = await describe(client).catch(() => null);
  const current = known?.workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
  if (!current) return;
  log.warn(
    { current, alert: 'NO_BUILD' },
    `New sagas begin on build ${current}, and this process names none, so it takes few of them. ` +
      'Set HOLDFAST_BUILD_ID; or, to have no builds any more: temporal worker deployment ' +
      `set-current-version --deployment-name ${DEPLOYMENT_NAME} --unversioned`,
  );
}

function describe(client: Client) {
  const deployment = { namespace: client.options.namespace, deploymentName: DEPLOYMENT_NAME };
  return client.workflowService.describeWorkerDeployment(deployment);
}

/** Moves it forward only. Fails where somebody else moved it after it was read. */
async function moveCurrent(client: Client, log: Log, buildId: string): Promise<void> {
  const { namespace, identity } = client.options;
  const deployment = { namespace, deploymentName: DEPLOYMENT_NAME };
  const { workerDeploymentInfo: known, conflictToken } = await describe(client);
  const current = known?.routingConfig?.currentDeploymentVersion?.buildId;
  const firstSeen = new Map(
    known?.versionSummaries?.map(({ deploymentVersion, createTime }) => [
      deploymentVersion?.buildId,
      optionalTsToMs(createTime) ?? 0,
    ]),
  );
  // A build that is not listed yet is refused as unknown, and this is tried again.
  if ((firstSeen.get(current) ?? 0) > (firstSeen.get(buildId) ?? Number.POSITIVE_INFINITY)) {
    log.warn(
      { buildId, current, alert: 'OLDER_BUILD' },
      'A newer build is current, so new sagas begin on that one. To go back to this build: ' +
        `temporal worker deployment set-current-version --deployment-name ${DEPLOYMENT_NAME} ` +
        `--build-id ${buildId}`,
    );
    return;
  }
  const move = { ...deployment, buildId, identity, conflictToken };
  await client.workflowService.setWorkerDeploymentCurrentVersion(move);
}

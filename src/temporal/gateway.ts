/** The API's door to the sagas. */
import type { SagaGateway } from '../contracts/sagas.ts';
import { actAndWait } from './act.ts';
import type { SagaDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { startAndWait } from './firstStep.ts';
import { runningSaga } from './runningSaga.ts';

export interface GatewayOptions extends SagaDeps {
  /** Base URL of the Temporal UI, or null where there is none. */
  temporalUi: string | null;
}

/** Longest wait for the server's sign of life, in milliseconds. */
const READY_TIMEOUT_MS = 2_000;

export function createGateway(options: GatewayOptions): SagaGateway {
  const { client, log, temporalUi } = options;
  const { namespace } = client.options;
  return {
    start: (type, input, waitMs) => startAndWait(options, type, input, waitMs),
    act: (update, input, waitMs) => actAndWait(options, update, input, waitMs),
    describe: (groupId) => runningSaga(client, groupId),
    async ready() {
      try {
        await client.connection.withDeadline(Date.now() + READY_TIMEOUT_MS, () =>
          client.workflowService.describeNamespace({ namespace }),
        );
        return true;
      } catch (error) {
        log.warn({ reason: faultOf(error).detail }, 'Temporal does not answer');
        return false;
      }
    },
    uiLink(groupId) {
      if (temporalUi === null) return null;
      const base = temporalUi.replace(/\/$/, '');
      const path = `namespaces/${encodeURIComponent(namespace)}/workflows`;
      return `${base}/${path}/${encodeURIComponent(groupId)}`;
    },
  };
}

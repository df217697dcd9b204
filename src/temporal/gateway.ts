/** The API's door to the sagas. */
import type { SagaGateway } from '../contracts/sagas.ts';
import { actAndWait } from './act.ts';
import type { SagaDeps } from './deps.ts';
import { startAndWait } from './firstStep.ts';
import { openAndDrive } from './payoutRuns.ts';
import { answers } from './ready.ts';
import { runningSaga } from './runningSaga.ts';
import { wakeSaga } from './wake.ts';

export interface GatewayOptions extends SagaDeps {
  /** Base URL of the Temporal UI, or null where there is none. */
  temporalUi: string | null;
}

/** Opens the door: a client whose connection is shared with a worker, and the ledger behind it. */
export function createGateway(options: GatewayOptions): SagaGateway {
  const { client, temporalUi } = options;
  const { namespace } = client.options;
  return {
    start: (type, input, waitMs, assets = []) => startAndWait(options, type, input, waitMs, assets),
    openPayoutRun: (input, waitMs) => openAndDrive(options, input, waitMs),
    act: (update, input, waitMs) => actAndWait(options, update, input, waitMs),
    describe: (groupId) => runningSaga(client, groupId),
    wake: (groupId, hint) => wakeSaga(options, groupId, hint),
    ready: () => answers(client),
    uiLink(groupId) {
      if (temporalUi === null) return null;
      const base = temporalUi.replace(/\/$/, '');
      const path = `namespaces/${encodeURIComponent(namespace)}/workflows`;
      return `${base}/${path}/${encodeURIComponent(groupId)}`;
    },
  };
}

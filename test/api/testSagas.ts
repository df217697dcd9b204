/** Real sagas for a test file: a worker, and the gateway on the same connection. */
import { createLog } from '../../src/observability/log.ts';
import { type Sagas, startSagas } from '../../src/temporal/sagas.ts';
import { atFileEnd } from '../support/borrow.ts';
import type { TestDatabase } from '../support/testDatabase.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

/** Links in answers begin with it. */
export const TEMPORAL_UI = 'http://temporal.invalid';

/** Starts the sagas of the test file in a namespace of its own; they stop when the file ends. */
export async function startTestSagas(db: TestDatabase, chainActivities?: object): Promise<Sagas> {
  const sagas = await startSagas({
    db: db.pool,
    log: createLog('silent'),
    address: await temporalAddress(),
    namespace: await temporalNamespace(),
    identity: 'api-test',
    temporalUi: TEMPORAL_UI,
    sweeper: false,
    ...(chainActivities && { chainActivities }),
  });
  atFileEnd(() => sagas.stop());
  return sagas;
}

/** A Temporal server of somebody's own, which is not set up as ours: refused in words. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NativeConnection } from '@temporalio/worker';
import { expect, it, onTestFinished } from 'vitest';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { createLog } from '../../src/observability/log.ts';
import { connectTemporal } from '../../src/temporal/client.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

const DOUBLE = 4;
const AMOUNT = 'HoldfastAmount';

it('is refused where a search attribute is there as another type, and taken without', async () => {
  const [address, namespace] = [await temporalAddress(), await temporalNamespace()];
  const connection = await NativeConnection.connect({ address });
  const { operatorService } = connection;
  onTestFinished(() => connection.close());
  await operatorService.removeSearchAttributes({ namespace, searchAttributes: [AMOUNT] });
  const searchAttributes = { [AMOUNT]: DOUBLE };
  await operatorService.addSearchAttributes({ namespace, searchAttributes });
  const options = { address, namespace, identity: 'test', log: createLog('silent') };
  await expect(connectTemporal(options)).rejects.toThrow(
    `${AMOUNT} is of type Double in namespace ${namespace}, and must be Keyword`,
  );
  await operatorService.removeSearchAttributes({ namespace, searchAttributes: [AMOUNT] });
  const { close } = await connectTemporal(options);
  await close();
});

it('warns where updates are turned off, without which nobody can settle or cancel', async () => {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  const temporal = await startTemporal({
    dbFile: null,
    logFile: join(home, 'temporal.log'),
    removeAfter: home,
    uiPort: null,
    dynamicConfig: { 'frontend.enableUpdateWorkflowExecution': false },
    say: () => {},
  });
  onTestFinished(() => temporal.stop());
  const lines: string[] = [];
  const log = createLog('warn', { write: (line) => lines.push(line) });
  const { address } = temporal;
  const { close } = await connectTemporal({ address, namespace: 'default', identity: 'test', log });
  await close();
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ alert: 'NO_UPDATES' }]);
});

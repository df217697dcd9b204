/** A Temporal server of somebody's own, which is not set up as ours: refused in words. */
import { NativeConnection } from '@temporalio/worker';
import { expect, it, onTestFinished } from 'vitest';
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

/** The order of the test files of a run. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take a quarter of a minute and more, the slowest first. Vitest begins with the largest
 * files where it knows no times of an earlier run, and one of these that began last would run on
 * alone.
 */
const SLOW = [
  'test/simulation/storm.test.ts',
  'test/e2e/stack.test.ts',
  'test/chains/watcherFaults.test.ts',
  'test/chains/rescan.test.ts',
  'test/e2e/webhooks.test.ts',
  'test/e2e/composeServices.test.ts',
  'test/chains/sagas.test.ts',
  'test/workflows/gateway.test.ts',
  'test/e2e/stackDemo.test.ts',
  'test/workflows/lostTemporal.test.ts',
  'test/chains/newAddresses.test.ts',
  'test/workflows/recovery.test.ts',
  'test/properties/ledger.property.test.ts',
  'test/workflows/payoutCrash.test.ts',
  'test/workflows/crash.test.ts',
  'test/cli/seals.test.ts',
];

/** Begins with the slow files, wherever they stand in vitest's own order. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = SLOW.findIndex((file) => moduleId.endsWith(file));
      return at === -1 ? SLOW.length : at;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

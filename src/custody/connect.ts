/** The custodians of the configuration, ready to be asked. */
import type { Custodians } from '../contracts/custodians.ts';
import type { Db } from '../db/pool.ts';
import { bindAsset } from './custodyTables.ts';
import type { CustodyDeps } from './hear.ts';
import { createHttpCustodian } from './httpCustodian.ts';

/**
 * Binds their assets from now on. An asset that is taken out of the configuration stays bound: its
 * payments wait until somebody configures it again.
 *
 * @throws an Error that names every asset that cannot be bound, and why
 */
export async function connectCustodians(
  db: Db,
  settings: Custodians,
): Promise<CustodyDeps['custodians']> {
  const faults: string[] = [];
  for (const [custodian, { assets }] of Object.entries(settings)) {
    for (const [asset, { chain = null, contract = null, final }] of Object.entries(assets)) {
      const fault = await bindAsset(db, { asset, custodian, chain, contract, final });
      if (fault !== null) faults.push(fault);
    }
  }
  if (faults.length > 0) throw new Error(`CUSTODIANS: ${faults.join(' ')}`);
  return custodiansOf(settings);
}

/** Without binding anything: for whoever asks about what others have begun. */
export function custodiansOf(settings: Custodians): CustodyDeps['custodians'] {
  return new Map(
    Object.entries(settings).map(([name, { failureGraceSeconds, ...settings }]) => [
      name,
      { custodian: createHttpCustodian(settings), failureGraceSeconds },
    ]),
  );
}

/** What an address is, the chain says. */
import { doorTo } from './chainDoor.ts';
import type { ApiDeps } from './context.ts';
import { Problem } from './problem.ts';

/**
 * A destination as withdrawals carry it; a chainless asset takes any text.
 *
 * @param facts of the asset that is paid; null: no such wallet, which the ledger refuses
 * @param pointer where the destination stands in the request
 * @throws Problem INVALID_DESTINATION, CHAIN_UNAVAILABLE
 */
export async function canonicalDestination(
  deps: ApiDeps,
  facts: { chain: string | null; asset: string } | null,
  destination: string,
  pointer: '/destination' | '/address' | '/coldAddress',
): Promise<string> {
  if (facts === null || facts.chain === null) return destination;
  const door = await doorTo(deps, facts.chain);
  const checked = await door.validateDestination({ asset: facts.asset, destination });
  if ('destination' in checked) return checked.destination;
  const errors = [{ pointer, detail: checked.fault }];
  throw new Problem('INVALID_DESTINATION', checked.fault, { errors });
}

import { readGroup } from '../ledger/groups.ts';
import { doorTo } from './chainDoor.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { type GroupResource, groupResource } from './groupResource.ts';
import { Problem } from './problem.ts';

/** The groups that the ledger has under these ids. */
async function groupsOf({ db, gateway }: ApiDeps, ids: string[]): Promise<GroupResource[]> {
  const groups = await Promise.all(ids.map((id) => readGroup(db, id)));
  return groups.flatMap((group) => (group === null ? [] : [groupResource(gateway, group)]));
}

/**
 * `POST /v1/deposits` where a chain is bound: the transaction is read again and the watcher's
 * groups are the answer. Nothing is booked from the body, so nothing is stored under the key.
 */
export async function sendChainDeposit(
  c: ApiContext,
  deps: ApiDeps,
  { asset, chain }: { asset: string; chain: string },
  wallet: string,
  txid: string | null | undefined,
) {
  if (txid == null) {
    const detail = `${asset} is on a chain: name the transaction to read again.`;
    throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/txid', detail }] });
  }
  const door = await doorTo(deps, chain);
  const data = await groupsOf(deps, await door.depositGroups({ asset, txid }));
  const [first] = data;
  if (first === undefined) {
    c.header('Location', `/v1/transfers?kind=deposit&wallet=${encodeURIComponent(wallet)}`);
    return c.json({ data, nextCursor: null }, 202);
  }
  return data.length === 1 ? c.json(first, 200) : c.json({ data, nextCursor: null }, 200);
}

import { readGroup } from '../ledger/groups.ts';
import { doorTo } from './chainDoor.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { type GroupResource, groupResource } from './groupResource.ts';
import { Problem } from './problem.ts';

const EVM_TXID = /^0x[0-9a-fA-F]{64}$/;

/** The groups that the ledger has under these ids. */
async function groupsOf({ db, gateway }: ApiDeps, ids: string[]): Promise<GroupResource[]> {
  const groups = await Promise.all(ids.map((id) => readGroup(db, id)));
  return groups.flatMap((group) => (group === null ? [] : [groupResource(gateway, group)]));
}

/** The transaction to read again; 400 where none is named, or what is named is none. */
function txidOf(asset: string, chain: string, txid: string | null | undefined): string {
  const refuse = (detail: string): never => {
    throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/txid', detail }] });
  };
  if (txid == null) return refuse(`${asset} is on a chain: name the transaction to read again.`);
  if (chain.startsWith('eip155:') && !EVM_TXID.test(txid)) {
    return refuse('A transaction of this chain is 0x and 64 hexadecimal digits.');
  }
  return txid;
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
  const door = await doorTo(deps, chain);
  const data = await groupsOf(
    deps,
    await door.depositGroups({ asset, txid: txidOf(asset, chain, txid) }),
  );
  const [first] = data;
  if (first === undefined) {
    c.header('Location', `/v1/transfers?kind=deposit&wallet=${encodeURIComponent(wallet)}`);
    return c.json({ data, nextCursor: null }, 202);
  }
  return data.length === 1 ? c.json(first, 200) : c.json({ data, nextCursor: null }, 200);
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { ChainDoor } from '../contracts/chain.ts';
import { readGroup } from '../ledger/groups.ts';
import { doorTo } from './chainDoor.ts';
import type { ApiContext, ApiDeps } from './context.ts';
import { type GroupResource, groupResource } from './groupResource.ts';
import { Problem } from './problem.ts';

const EVM_TXID = /^0x[0-9a-fA-F]{64}$/;

/** From the first look at a transaction to the second; each pause is twice the one before. */
const FIRST_PAUSE_MS = 100;
/** The longest pause: each look asks the node, and no chain of ours has a block more often. */
const LONGEST_PAUSE_MS = 1000;

/** The groups that the ledger has under these ids. */
async function groupsOf({ db, gateway }: ApiDeps, ids: string[]): Promise<GroupResource[]> {
  const groups = await Promise.all(ids.map((id) => readGroup(db, id)));
  return groups.flatMap((group) => (group === null ? [] : [groupResource(gateway, group)]));
}

/**
 * Reads the transaction again for as long as it may have more groups than the ledger has, and for
 * `waitMs` at most. Answers those that there are then. One that the node does not know is not
 * waited for: nobody can tell whether it will ever be there.
 */
async function groupsWithin(
  deps: ApiDeps,
  look: () => ReturnType<ChainDoor['depositGroups']>,
  waitMs: number,
): Promise<GroupResource[]> {
  const end = performance.now() + waitMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    const { ids, mayCome } = await look();
    const groups = await groupsOf(deps, ids);
    const leftMs = end - performance.now();
    const isWhole = groups.length === ids.length && (groups.length > 0 || !mayCome);
    if (isWhole || leftMs <= 0) return groups;
    await sleep(Math.min(pauseMs, leftMs));
  }
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
  waitMs: number,
) {
  const door = await doorTo(deps, chain);
  const asked = { asset, txid: txidOf(asset, chain, txid) };
  const data = await groupsWithin(deps, () => door.depositGroups(asked), waitMs);
  const [first] = data;
  if (first === undefined) {
    c.header('Location', `/v1/transfers?kind=deposit&wallet=${encodeURIComponent(wallet)}`);
    return c.json({ data, nextCursor: null }, 202);
  }
  return data.length === 1 ? c.json(first, 200) : c.json({ data, nextCursor: null }, 200);
}

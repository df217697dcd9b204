/**
 * Search attributes, changed at most twice after the start: each change is an event of the history
 * and a write of the visibility store.
 */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { Group, GroupStatus } from '../src/contracts/resources.ts';
import { SEARCH_ATTRIBUTE } from '../src/contracts/sagas.ts';

/** Most values of a list attribute; a group with more legs is found by its first ones. */
const MOST_LISTED = 25;
/** One side of every deposit and withdrawal; a list of them finds nothing. */
const OUTSIDE = 'external:';

/** What the start could not know: legs may come without assets, chain deposits without wallets. */
function whatTheStartLacked(group: Group | null): SearchAttributeUpdatePair[] {
  const [first] = group?.legs ?? [];
  if (!group || !first) return [];
  const { typedSearchAttributes: known } = workflowInfo();
  const pairs: SearchAttributeUpdatePair[] = [];
  const { asset, wallet, amount } = SEARCH_ATTRIBUTE;
  if (!known.get(asset)) {
    pairs.push({ key: asset, value: listed(group.legs.map((leg) => leg.asset)) });
  }
  if (!known.get(wallet)) {
    const wallets = group.legs.map((leg) => leg.wallet).filter((id) => !id.startsWith(OUTSIDE));
    pairs.push({ key: wallet, value: listed(wallets) });
  }
  if (!known.get(amount)) pairs.push({ key: amount, value: first.amount });
  return pairs;
}

function listed(values: string[]): string[] {
  return [...new Set(values)].slice(0, MOST_LISTED);
}

/** After the first step of a group that stays open. */
export function markOpened(group: Group | null): void {
  const pairs = whatTheStartLacked(group);
  if (pairs.length > 0) upsertSearchAttributes(pairs);
}

/** At the end of a saga. */
export function markClosed(group: Group | null, status: GroupStatus | null): void {
  const pairs = whatTheStartLacked(group);
  if (status) pairs.push({ key: SEARCH_ATTRIBUTE.status, value: status });
  if (pairs.length > 0) upsertSearchAttributes(pairs);
}

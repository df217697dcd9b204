/**
 * Search attributes, changed at most twice after the start: each change is an event of the history
 * and a write of the visibility store.
 */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import { MOST_LISTED } from '../src/contracts/listAttributes.ts';
import type { Group, GroupStatus } from '../src/contracts/resources.ts';
import { SEARCH_ATTRIBUTE } from '../src/contracts/sagas.ts';

/** What the start could not know: a leg may come without its asset, the ledger answers with it. */
function assetsOf(group: Group | null): SearchAttributeUpdatePair[] {
  if (!group || group.legs.length === 0) return [];
  if (workflowInfo().typedSearchAttributes.get(SEARCH_ATTRIBUTE.asset)) return [];
  const assets = [...new Set(group.legs.map((leg) => leg.asset))].slice(0, MOST_LISTED);
  return [{ key: SEARCH_ATTRIBUTE.asset, value: assets }];
}

/** After the first step of a group that stays open. */
export function markOpened(group: Group | null): void {
  const pairs = assetsOf(group);
  if (pairs.length > 0) upsertSearchAttributes(pairs);
}

/** At the end of a saga. */
export function markClosed(group: Group | null, status: GroupStatus | null): void {
  const pairs = assetsOf(group);
  if (status) pairs.push({ key: SEARCH_ATTRIBUTE.status, value: status });
  if (pairs.length > 0) upsertSearchAttributes(pairs);
}

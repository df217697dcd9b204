import { proxyActivities, setCurrentDetails } from '@temporalio/workflow';
import type {
  createReconcileActivities,
  ReconcileTold,
} from '../activities/reconcileActivities.ts';
import { plainText } from '../src/contracts/markdown.ts';
import { CHAIN_TASK_QUEUE } from '../src/contracts/sagas.ts';

/**
 * Tried again without end: the schedule starts no second one meanwhile, and a run that fails for
 * want of a node says so where people look.
 */
const { reconcileChain } = proxyActivities<ReturnType<typeof createReconcileActivities>>({
  taskQueue: CHAIN_TASK_QUEUE,
  /** Some hundred thousand balances of a slow node; it tells how far it is after every 500. */
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '2 minutes',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/**
 * Compares the books with the chain, run by a schedule and never twice at a time. What is off above
 * its tolerance has its withdrawals paused by the ledger function; only a person lifts that.
 */
export async function reconcile(): Promise<ReconcileTold> {
  setCurrentDetails('Reading the balances of all our addresses at the last final block.');
  const told = await reconcileChain();
  setCurrentDetails(detailsOf(told));
  return told;
}

/** Markdown: a row an asset, then where coins are off, then what a person can do. */
export function detailsOf({ lines, paused }: ReconcileTold): string {
  const [first] = lines;
  if (!first) return 'No block was followed yet: there was nothing to compare.';
  const rows = lines.map(
    ({ asset, expected, onChain, missing, surplus }) =>
      `| ${asset} | ${expected} | ${onChain} | ${missing} | ${surplus} |`,
  );
  const places = lines.flatMap(({ asset, places: some }) =>
    some.map(
      ({ address, kind, drift, cause }) =>
        `- ${asset} at \`${address ?? 'no known address'}\` (${kind}): ${drift}, ${cause}`,
    ),
  );
  const unread = lines.flatMap(({ asset, unreadable }) =>
    unreadable ? [`**${asset} was not compared.** ${plainText(unreadable)}`] : [],
  );
  const pauses = paused.map((asset) => `**Withdrawals of ${asset} were paused by this run.**`);
  const parts = [
    `At block ${first.block}`,
    `| asset | must be | is | missing | too many |\n|---|---|---|---|---|\n${rows.join('\n')}`,
    ...(places.length + unread.length === 0 ? ['All agrees.'] : []),
    ...(places.length === 0 ? [] : [places.join('\n')]),
    ...unread,
    ...pauses,
  ];
  if (places.length > 0) {
    parts.push('`holdfast reconcile --look` says what to do about each.');
  }
  return parts.join('\n\n');
}

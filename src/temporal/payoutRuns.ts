/** Payout runs: opened in the ledger first, since 10,000 lines fit no payload, then driven. */
import { codeText, plainText } from '../contracts/markdown.ts';
import type {
  OpenedPayoutRun,
  OpenPayoutRunInput,
  PayoutOutcome,
  PayoutRun,
  PayoutRunInput,
} from '../contracts/payouts.ts';
import { SAGA_TASK_QUEUE, SEARCH_ATTRIBUTE, WORKFLOW } from '../contracts/sagas.ts';
import { listOpenPayoutRuns, readPayoutRun } from '../ledger/payoutLists.ts';
import { openPayoutRun, replayPayoutRun } from '../ledger/payoutRuns.ts';
import { callUntil } from './calls.ts';
import { alertLedgerBehind } from './closedSaga.ts';
import type { SweepDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { recordRestart, sagaRuns } from './repair.ts';
import { sweepOne } from './sweepOne.ts';
import { unavailable } from './unavailable.ts';

/** A call is sent even for a caller who does not want to wait, in milliseconds. */
const SHORTEST_CALL_MS = 2_000;
/** Longest call for one run of a sweep, in milliseconds. */
const SWEEP_CALL_MS = 10_000;
/** A younger run is being started, or is about to be found by its own request. */
const OLDER_THAN_SECONDS = 60;
/** Runs that are read at once. A desk begins a handful; many are open where people must approve. */
const SWEPT_AT_ONCE = 500;

/**
 * Implements `SagaGateway.openPayoutRun`. Temporal is asked before anything is written: while it
 * does not answer nothing is accepted, and a saga of a run that the ledger does not know means that
 * an old database was restored, where the list may have been paid.
 */
export async function openAndDrive(
  deps: SweepDeps,
  input: OpenPayoutRunInput,
  waitMs: number,
): Promise<OpenedPayoutRun> {
  const deadline = Date.now() + Math.max(waitMs, SHORTEST_CALL_MS);
  const before = await replayPayoutRun(deps.db, input);
  if (before) return again(deps, before, deadline);
  try {
    if (await isKnown(deps, input.runId, deadline)) {
      const late = await replayPayoutRun(deps.db, input);
      if (late) return again(deps, late, deadline);
      alertLedgerBehind(deps, input.runId);
      return unavailable(
        `Temporal knows ${input.runId} and the ledger does not: the database seems to be older ` +
          'than Temporal. An operator has to reconcile them.',
      );
    }
  } catch (error) {
    return unavailable(`Temporal does not answer (${faultOf(error).detail}).`);
  }
  const opened = await openPayoutRun(deps.db, input);
  if (opened.outcome !== 'done') return { ...opened, begun: true };
  if (opened.replayed) return again(deps, opened, deadline);
  return { ...opened, begun: await begin(deps, opened.run, deadline) };
}

/** The first answer under a key; a run that has not ended gets its saga back where that is gone. */
async function again(
  deps: SweepDeps,
  first: PayoutOutcome,
  deadline: number,
): Promise<OpenedPayoutRun> {
  if (first.outcome === 'done') {
    const run = await readPayoutRun(deps.db, first.run.id);
    if (run?.finishedAt === null) await begin(deps, run, deadline);
  }
  return { ...first, begun: true };
}

/** The sweeper's part: starts the saga of every run that is under way and has none. */
export async function sweepPayoutRuns(
  deps: SweepDeps,
  onProgress: () => void,
  limit = SWEPT_AT_ONCE,
): Promise<{ looked: number; restarted: number }> {
  let looked = 0;
  let restarted = 0;
  for await (const run of openRuns(deps, limit)) {
    looked += 1;
    await sweepOne(deps, run.id, async () => {
      if (await sagaRuns(deps, run.id)) return;
      await start(deps, run, Date.now() + SWEEP_CALL_MS);
      deps.log.warn({ runId: run.id }, 'A payout run had no saga; it was started again');
      const why = 'No workflow drove this payout run.';
      await recordRestart(deps.db, run.id, WORKFLOW.payoutRun, why);
      restarted += 1;
    });
    onProgress();
  }
  return { looked, restarted };
}

async function* openRuns({ db }: SweepDeps, limit: number): AsyncGenerator<PayoutRun> {
  let after: PayoutRun | null = null;
  do {
    const page = { olderThanSeconds: OLDER_THAN_SECONDS, after, limit };
    const runs: PayoutRun[] = await listOpenPayoutRuns(db, page);
    yield* runs;
    after = runs.length < limit ? null : (runs.at(-1) ?? null);
  } while (after !== null);
}

/** False where it is not known that the saga runs; the same key or the sweeper starts it then. */
async function begin(deps: SweepDeps, run: PayoutRun, deadline: number): Promise<boolean> {
  try {
    await start(deps, run, deadline);
    return true;
  } catch (error) {
    const reason = faultOf(error).detail;
    deps.log.warn({ runId: run.id, reason }, 'The saga of a payout run was not started');
    return false;
  }
}

/** One that runs is left alone. One that has ended runs again: the ledger says where it stands. */
async function start({ client }: SweepDeps, run: PayoutRun, deadline: number): Promise<void> {
  const input: PayoutRunInput = { runId: run.id };
  try {
    await callUntil(client.connection, deadline, () =>
      client.workflow.start(WORKFLOW.payoutRun, {
        workflowId: run.id,
        taskQueue: SAGA_TASK_QUEUE,
        args: [input],
        requestEagerStart: true,
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        ...describeRun(run),
      }),
    );
  } catch (error) {
    if (faultOf(error).fault !== 'already_started') throw error;
  }
}

/** What an operator finds it by and sees at a glance. */
function describeRun({ wallet, asset, total, lines, reference }: PayoutRun) {
  const details = [`${lines.total} lines, each a group of its own, out of \`${wallet}\`.`];
  if (reference) details.push(`Reference ${codeText(reference)}`);
  return {
    staticSummary: `Pay ${total} ${asset} out of ${plainText(wallet)} in ${lines.total} lines`,
    staticDetails: details.join('\n\n'),
    typedSearchAttributes: [
      { key: SEARCH_ATTRIBUTE.status, value: 'RUNNING' },
      { key: SEARCH_ATTRIBUTE.kind, value: 'payoutRun' },
      { key: SEARCH_ATTRIBUTE.wallet, value: [wallet] },
      { key: SEARCH_ATTRIBUTE.asset, value: [asset] },
      { key: SEARCH_ATTRIBUTE.amount, value: total },
    ],
  };
}

/** Whether Temporal has ever had a saga of that id, as far as it remembers. */
async function isKnown({ client }: SweepDeps, runId: string, deadline: number): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(runId);
    await callUntil(client.connection, deadline, () => handle.describe());
    return true;
  } catch (error) {
    if (faultOf(error).fault === 'not_found') return false;
    throw error;
  }
}

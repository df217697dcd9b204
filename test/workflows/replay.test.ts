import { readdirSync, readFileSync } from 'node:fs';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../src/observability/log.ts';
import { bundleWorkflows } from '../../src/temporal/bundle.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { sagaWorker } from '../../src/temporal/sagaWorker.ts';

/**
 * Histories of a running service, exported by `exportHistories.ts`. Code that replays them can take
 * over the sagas of the code that made them. The mutations show that the corpus would notice.
 */
const FOLDER = new URL('histories/', import.meta.url);
const NAMES = readdirSync(FOLDER).map((file) => file.replace('.json', ''));

let code: string;
beforeAll(async () => {
  installRuntime(createLog('silent'));
  code = (await bundleWorkflows()).code;
});

/** Names of the histories, of all or of these, that this code cannot replay. */
async function failures(
  bundle: string,
  names = NAMES,
  worker: Pick<typeof Worker, 'runReplayHistories'> = sagaWorker(),
): Promise<string[]> {
  const histories = names.map((name) => ({
    workflowId: name,
    history: historyFromJSON(recorded(name)),
  }));
  const failed: string[] = [];
  let replayed = 0;
  const options = { workflowBundle: { code: bundle } };
  for await (const { workflowId, error } of worker.runReplayHistories(options, histories)) {
    replayed += 1;
    if (error) failed.push(workflowId);
  }
  expect(replayed).toBe(names.length);
  return failed.sort();
}

interface Recorded {
  // biome-ignore lint/suspicious/noExplicitAny: events are of many shapes.
  events: any[];
}

function recorded(name: string): Recorded {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8'));
}

/** The workflow type that a history is of. */
function typeOf(name: string): string {
  return recorded(name).events[0].workflowExecutionStartedEventAttributes.workflowType.name;
}

/** The bundle with a piece of one workflow file changed; fails when the piece is not there once. */
function mutated(file: string, from: string, to: string): string {
  const modules = code.split(/(?=\/\*\*\*\/ "\.\/)/);
  const index = modules.findIndex((each) => each.startsWith(`/***/ "./workflows/${file}.ts"`));
  const pieces = modules[index]?.split(from) ?? [];
  expect(pieces.length, `"${from}" stands once in ${file}.ts`).toBe(2);
  modules[index] = pieces.join(to);
  return modules.join('');
}

// What a changed bundle does to a history is the same in the SDK's sandbox, which is in this very
// thread: one of ours loads all modules first, for five times the processor time.
describe('the corpus of histories', () => {
  it('replays with the workflows as they are', async () => {
    expect(NAMES.length).toBeGreaterThan(10);
    expect(await failures(code)).toEqual([]);
  });

  it("replays in the SDK's own sandbox too, which ours stands in for", async () => {
    expect(await failures(code, NAMES, Worker)).toEqual([]);
  });

  it('has every workflow type that the worker registers', () => {
    const index = readFileSync(new URL('../../workflows/index.ts', import.meta.url), 'utf8');
    const registered = [...index.matchAll(/export \{ (\w+) \}/g)].map(([, type]) => type);
    expect(registered.length).toBeGreaterThan(10);
    expect([...new Set(NAMES.map(typeOf))].sort()).toEqual(registered.sort());
  });

  it.each([
    ['transfer', 'another first step', '.openTransfer.', '.reverse.', 'transferImmediate'],
    ['transfer', 'no compensation', 'compensate((', 'void ((', 'transferCancelled'],
    ['transfer', 'another way to expire', '.expire.', '.cancel.', 'transferExpired'],
    ['withdrawal', 'another mark', '.markStuck.', '.expire.', 'withdrawalStuck'],
    ['withdrawalPolicy', 'no question', '.checkRisk.', '.readGroup.', 'withdrawalApproved'],
    ['withdrawal', 'no approval', 'await policy.pass(', '(', 'withdrawalApproved'],
    ['groupSaga', 'no timer', 'if (timer === null)', 'if (true)', 'transferSettled'],
    ['groupSaga', 'attributes left alone', 'if (!this.foreign)', 'if (false)', 'transferRefused'],
    ['groupSaga', 'a group not read anew', 'outcome.replayed &&', 'false &&', 'transferRepaired'],
    ['acts', 'a signal without its fact', 'await recordSignal(', '(', 'transferReleasedBySignal'],
    ['acts', 'an act that waits', 'saga.opened)', '!saga.opened)', 'transferInParts'],
    ['payoutRun', 'nothing paid', '.payPayoutLines.', '.readPayoutRun.', 'payoutRun'],
    ['payoutRun', 'no cancellation', '.cancelPayoutRun.', '.readPayoutRun.', 'payoutRunCancelled'],
    ['payoutRun', 'no pause', 'isWaiting(before, run)', 'false', 'payoutRunOutside'],
    ['payoutRun', 'nobody told', '.tellGivenBack.', '.readPayoutRun.', 'payoutRunStopped'],
    ['repair', 'no payout runs', '.sweepPayoutRuns.', '.sweepEndedSagas.', 'repair'],
    ['repair', 'half a sweep', '.sweepEndedSagas.', '.sweepOpenGroups.', 'repair'],
    [
      'chainDeposit',
      'no pending',
      '.openChainDeposit.',
      '.readCollection.',
      'chainDepositOrphaned',
    ],
    ['chainDeposit', 'the wallet untold', 'if (!credit)', 'if (true)', 'chainDepositCredited'],
    ['chainReversal', 'nobody told', 'look.group.metadata.released', 'null', 'chainReversal'],
    ['chainWithdrawal', 'no policy', 'await policy.pass(', '(', 'chainWithdrawalApproved'],
    [
      'chainPayment',
      'no signing',
      '.signWithdrawal.',
      '.followWithdrawal.',
      'chainWithdrawalSettled',
    ],
    ['chainPayment', 'no second try', '(followed.replace)', '(false)', 'chainWithdrawalSpedUp'],
    [
      'chainPayment',
      'bytes left alone',
      'INCLUDED.includes(before)',
      'false',
      'chainWithdrawalDropped',
    ],
    [
      'chainPayment',
      'an act not heard',
      'saga.answers !== view.looks',
      'false',
      'chainWithdrawalCancelledOnChain',
    ],
    [
      'custodialWithdrawal',
      'nobody asked',
      '.advanceCustody.',
      '.advance.',
      'custodialWithdrawalSettled',
    ],
    [
      'custodialWithdrawal',
      'no look afterwards',
      '.lookAfterRelease.',
      '.advanceCustody.',
      'custodialWithdrawalPaidLate',
    ],
    ['collection', 'another first step', '.readCollection.', '.openChainDeposit.', 'collection'],
    ['batch', 'another first step', '.readBatch.', '.openChainDeposit.', 'batch'],
    ['spendNonce', 'nothing spent', '.spendNonce.', '.signWithdrawal.', 'spendNonce'],
    [
      'reconcile',
      'nothing compared',
      'await reconcileChain()',
      '{ lines: [], paused: [] }',
      'reconcile',
    ],
  ])('notices in %s: %s', async (file, _what, from, to, name) => {
    expect(await failures(mutated(file, from, to), [name], Worker)).toEqual([name]);
  });
});

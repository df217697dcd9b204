/**
 * The ledger's steps as activities. Each is one call of one ledger function, safe to run any number
 * of times: the op row decides what a second run answers.
 */
import type { Group } from '../src/contracts/resources.ts';
import { type SagaUpdate, type SagaUpdates, STEP_OF_UPDATE } from '../src/contracts/sagas.ts';
import type {
  ExpireInput,
  OpenDepositInput,
  OpenTransferInput,
  OpenWithdrawalInput,
  ReverseInput,
  StepInput,
  StepOutcome,
  TombstoneInput,
} from '../src/contracts/steps.ts';
import type { Db } from '../src/db/pool.ts';
import { addLegs } from '../src/ledger/addLegs.ts';
import { cancel } from '../src/ledger/cancel.ts';
import { cancelDeposit } from '../src/ledger/cancelDeposit.ts';
import { confirmDeposit } from '../src/ledger/confirmDeposit.ts';
import { expire } from '../src/ledger/expire.ts';
import { extend } from '../src/ledger/extend.ts';
import { finalizeWithdrawal } from '../src/ledger/finalizeWithdrawal.ts';
import { readGroup } from '../src/ledger/groups.ts';
import { markStuck } from '../src/ledger/markStuck.ts';
import { openDeposit } from '../src/ledger/openDeposit.ts';
import { openTransfer } from '../src/ledger/openTransfer.ts';
import { openWithdrawal } from '../src/ledger/openWithdrawal.ts';
import { refuseLate } from '../src/ledger/refuseLate.ts';
import { release } from '../src/ledger/release.ts';
import { releaseWithdrawal } from '../src/ledger/releaseWithdrawal.ts';
import { cancelOnChain, speedUp } from '../src/ledger/replaceAttempt.ts';
import { reverse } from '../src/ledger/reverse.ts';
import { settle } from '../src/ledger/settle.ts';
import { type Fact, recordFact } from '../src/ledger/timeline.ts';
import { tombstone } from '../src/ledger/tombstone.ts';

export interface LedgerDeps {
  db: Db;
  /** Tells who waits in this process what a step answered; see `src/temporal/outcomes.ts`. */
  publish: (input: StepInput, outcome: StepOutcome) => void;
  /** The answer of this very step where it was begun already; see `src/temporal/headStart.ts`. */
  takeBegun: (input: StepInput) => Promise<StepOutcome> | undefined;
}

/** Activities named after the ledger functions that they call. */
export function createLedgerActivities({ db, publish, takeBegun }: LedgerDeps) {
  const step =
    <Input extends StepInput>(run: (db: Db, input: Input) => Promise<StepOutcome>) =>
    async (input: Input): Promise<StepOutcome> => {
      // One that went wrong is tried anew, as after any failure.
      const begun = await takeBegun(input)?.catch(() => undefined);
      if (begun) return begun;
      const outcome = await run(db, input);
      publish(input, outcome);
      return outcome;
    };
  const act = <U extends SagaUpdate>(
    update: U,
    run: (db: Db, input: SagaUpdates[U]) => Promise<StepOutcome>,
  ) =>
    step<SagaUpdates[U]>(
      async (on, input) => (await refuseLate(on, STEP_OF_UPDATE[update], input)) ?? run(on, input),
    );
  return {
    openTransfer: step<OpenTransferInput>(openTransfer),
    reverse: step<ReverseInput>(reverse),
    openDeposit: step<OpenDepositInput>(openDeposit),
    openWithdrawal: step<OpenWithdrawalInput>(openWithdrawal),
    addLegs: act('addLegs', addLegs),
    settle: act('settle', settle),
    release: act('release', release),
    cancel: act('cancel', cancel),
    extend: act('extend', extend),
    confirmDeposit: act('confirm', confirmDeposit),
    cancelDeposit: act('cancelDeposit', cancelDeposit),
    finalizeWithdrawal: act('finalize', finalizeWithdrawal),
    releaseWithdrawal: act('releaseWithdrawal', releaseWithdrawal),
    speedUp: act('speedUp', speedUp),
    cancelOnChain: act('cancelOnChain', cancelOnChain),
    expire: step<ExpireInput>(expire),
    markStuck: step<ExpireInput>(markStuck),
    tombstone: step<TombstoneInput>(tombstone),
    readGroup: (groupId: string): Promise<Group | null> => readGroup(db, groupId),
    recordFact: (fact: Fact): Promise<void> => recordFact(db, fact),
  };
}

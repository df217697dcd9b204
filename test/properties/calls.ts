/** Calls of the ledger as values: made, run, and run again. */
import type { Group, WalletStatus } from '../../src/contracts/resources.ts';
import type { StepOutcome } from '../../src/contracts/steps.ts';
import type { Db } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { cancelDeposit } from '../../src/ledger/cancelDeposit.ts';
import { confirmDeposit } from '../../src/ledger/confirmDeposit.ts';
import { expire } from '../../src/ledger/expire.ts';
import { extend } from '../../src/ledger/extend.ts';
import { finalizeWithdrawal } from '../../src/ledger/finalizeWithdrawal.ts';
import { markStuck } from '../../src/ledger/markStuck.ts';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { release } from '../../src/ledger/release.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import type { LedgerVerb, StepInputs } from '../../src/ledger/requests.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import { snapshot } from '../../src/ledger/snapshot.ts';
import { tombstone } from '../../src/ledger/tombstone.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import type { TestDatabase } from '../support/testDatabase.ts';

/** The model has no policies: nothing waits for approval, and these verbs are never drawn. */
export type ModelVerb = Exclude<
  LedgerVerb,
  'approve' | 'reject' | 'recordRisk' | 'speedUp' | 'cancelOnChain'
>;

export type StepCall = { [V in ModelVerb]: { verb: V; input: StepInputs[V] } }[ModelVerb];

export type Call =
  | StepCall
  | { verb: 'setStatus'; wallet: string; status: WalletStatus }
  | { verb: 'snapshot' }
  | { verb: 'fold'; wallet: string }
  /** Moves an open group's deadline into the past, for time that the test does not have. */
  | { verb: 'timePasses'; group: string };

type Steps = { [V in ModelVerb]: (db: Db, input: StepInputs[V]) => Promise<StepOutcome> };

const STEPS: Steps = {
  openTransfer,
  addLegs,
  settle,
  release,
  cancel,
  expire,
  extend,
  reverse,
  openDeposit,
  confirmDeposit,
  cancelDeposit,
  openWithdrawal,
  finalizeWithdrawal,
  releaseWithdrawal,
  markStuck,
  tombstone,
};

/** What a call that is no step came to. */
export type Told = StepOutcome | { outcome: string; at?: string };

export function isStep(call: Call): call is StepCall {
  return call.verb in STEPS;
}

function runStepCall(db: Db, { verb, input }: StepCall): Promise<StepOutcome> {
  return STEPS[verb](db, input as never);
}

/** Runs any call; `timePasses` as the owner, everything else as the service. */
export async function run({ pool, owner }: TestDatabase, call: Call): Promise<Told> {
  switch (call.verb) {
    case 'setStatus': {
      const { wallet: id, status } = call;
      const changed = await setWalletStatus(pool, { id, status, reason: 'model', actor: 'model' });
      return { outcome: 'refusal' in changed ? changed.refusal.code : 'done' };
    }
    case 'snapshot':
      await snapshot(pool);
      return { outcome: 'done' };
    case 'fold':
      await pool.query('select ledger_fold($1)', [call.wallet]);
      return { outcome: 'done' };
    case 'timePasses': {
      const { rows } = await owner.query(
        `update transfer_groups set expires_at = clock_timestamp() - interval '1 second'
         where id = $1 returning rfc3339(expires_at) as at`,
        [call.group],
      );
      return { outcome: 'done', at: rows[0].at };
    }
    default:
      return runStepCall(pool, call);
  }
}

/** What an answer shows of a group, and what the model knows of it too. */
export function shapeOf(group: Group) {
  const { id, kind, status, reason, reverses } = group;
  const legs = group.legs.map(({ wallet, asset, type, amount, settled, remaining }) => ({
    ...{ wallet, asset, type, amount, settled, remaining },
  }));
  return { id, kind, status, reason, reverses, legs };
}

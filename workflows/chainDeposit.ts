import { continueAsNew, upsertSearchAttributes } from '@temporalio/workflow';
import type { DepositLook } from '../activities/chainActivities.ts';
import { type ChainDepositInput, SEARCH_ATTRIBUTE } from '../src/contracts/sagas.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainWait, chain, chainLedger, isTimeForNewRun } from './chainSteps.ts';
import type { Guidance } from './details.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';

/** Each is refused by the ledger with CHAIN_DECIDES: the words reach whoever pressed. */
const BUTTONS: Buttons = { settle: 'confirm', release: 'release', cancel: 'cancelDeposit' };

/**
 * One appearance of a payment to us in one block: pending until it is deep enough, cancelled when
 * its block is dropped. The chain alone decides, so there is nothing to undo and no deadline, and
 * cancelling the workflow does not cancel the deposit.
 */
export function chainDeposit(input: ChainDepositInput): Promise<SagaResult> {
  let look: DepositLook | null = null;
  const saga = new GroupSaga(input.groupId, (self) => explain(self, look));
  const wait = new ChainWait();
  handleActs(saga, BUTTONS);
  return saga.run(async () => {
    const summary = 'Book the payment as pending';
    await saga.open(() => chainLedger.openChainDeposit.executeWithOptions({ summary }, [input]));
    tellWallet(saga);
    while (saga.isOpen()) {
      wait.beforeLook();
      look = await chain.advanceChainDeposit.executeWithOptions(
        { summary: 'Look at the chain: credit, cancel or wait' },
        [input],
      );
      const { group } = look;
      saga.learn(
        { outcome: 'done', replayed: false, groupStatus: group.status, group },
        'look',
        'chain',
      );
      if (!saga.isOpen()) break;
      if (isTimeForNewRun()) await continueAsNew<typeof chainDeposit>(input);
      await wait.pause('Next look at the chain, if no hint comes', null, () => !saga.isOpen());
    }
  });
}

/** The start knows the inclusion alone; from here on operators find it by wallet and amount. */
function tellWallet({ group }: GroupSaga): void {
  const credit = group?.legs.find(({ type }) => type === 'CREDIT');
  if (!credit) return;
  upsertSearchAttributes([
    { key: SEARCH_ATTRIBUTE.wallet, value: [credit.wallet] },
    { key: SEARCH_ATTRIBUTE.amount, value: credit.amount },
  ]);
}

function explain(saga: GroupSaga, look: DepositLook | null): Guidance {
  if (!saga.opened) return { next: 'The ledger books the payment as pending.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this deposit has ended.', people: [] };
  if (!look) return { next: 'Looks at the chain.', people: [] };
  const { txid, blockHeight, confirmations, finality } = look.progress;
  const { credit, rule } = finality;
  const by = rule === null ? "the asset's own rule" : `rule \`${rule}\``;
  const waits = look.why === null ? '' : ` When last looked at, ${look.why}.`;
  const due =
    typeof credit === 'number'
      ? `block ${blockHeight + credit - 1} is read`
      : `block ${blockHeight} is ${credit}`;
  const needs = typeof credit === 'number' ? `${credit} confirmations` : `to be ${credit}`;
  return {
    next:
      `Credited once ${due}: \`${txid}\` is in block ${blockHeight} and needs ${needs} by ${by}, ` +
      `${confirmations} confirmations when last looked at.${waits}`,
    people: ['nothing: the chain decides. Signal `chainChanged` makes it look again at once'],
  };
}

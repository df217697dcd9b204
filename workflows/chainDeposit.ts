import { continueAsNew, upsertSearchAttributes, workflowInfo } from '@temporalio/workflow';
import type { DepositLook, DepositWait } from '../activities/chainActivities.ts';
import { plainText } from '../src/contracts/markdown.ts';
import { type ChainDepositInput, SEARCH_ATTRIBUTE } from '../src/contracts/sagas.ts';
import { type Buttons, handleActs } from './acts.ts';
import { ChainWait, chain, chainLedger, isTimeForNewRun } from './chainSteps.ts';
import type { Guidance } from './details.ts';
import { GroupSaga, type SagaResult } from './groupSaga.ts';

/** Each is refused by the ledger with CHAIN_DECIDES: the words reach whoever pressed. */
const BUTTONS: Buttons = { settle: 'confirm', release: 'release', cancel: 'cancelDeposit' };

/**
 * Its hints are tasks of the watcher, which come until the books show their effect, and a look sees
 * what the watcher has read and no more: by itself it looks for the case that no task came at all.
 */
const FIRST_LOOK_MS = 300_000;

/**
 * One appearance of a payment to us in one block: pending until it is deep enough, cancelled when
 * its block is dropped. The chain alone decides, so there is nothing to undo and no deadline, and
 * cancelling the workflow does not cancel the deposit.
 */
export function chainDeposit(input: ChainDepositInput): Promise<SagaResult> {
  let look: DepositWait | null = null;
  const saga = new GroupSaga(input.groupId, (self) => explain(self, look));
  const wait = new ChainWait(FIRST_LOOK_MS);
  handleActs(saga, BUTTONS);
  const waitForHint = () =>
    wait.pause('Next look at the chain, if no hint comes', null, () => !saga.isOpen());
  return saga.run(async () => {
    const summary = 'Book the payment as pending';
    await saga.open(async () => {
      const opened = await chainLedger.openChainDeposit.executeWithOptions({ summary }, [input]);
      look = opened.waits ?? null;
      return opened;
    });
    tellWallet(saga);
    // Most have to wait for blocks, and the first step says so. A hint since then ends the wait.
    if (saga.isOpen() && look !== null) await waitForHint();
    while (saga.isOpen()) {
      wait.beforeLook();
      look = await lookAtChain(saga, input);
      if (!saga.isOpen()) break;
      if (isTimeForNewRun()) await continueAsNew<typeof chainDeposit>(input);
      await waitForHint();
    }
  });
}

/** Credits it, cancels it, or says what it waits for. */
async function lookAtChain(saga: GroupSaga, input: ChainDepositInput): Promise<DepositLook> {
  const look = await chain.advanceChainDeposit.executeWithOptions(
    { summary: 'Look at the chain: credit, cancel or wait' },
    [input],
  );
  const { group } = look;
  saga.learn(
    { outcome: 'done', replayed: false, groupStatus: group.status, group },
    'look',
    'chain',
  );
  return look;
}

/** Operators find it by wallet and amount; the start knew them where it was the watcher's. */
function tellWallet({ group }: GroupSaga): void {
  const credit = group?.legs.find(({ type }) => type === 'CREDIT');
  if (!credit) return;
  const { typedSearchAttributes: told } = workflowInfo();
  const [wallet] = told.get(SEARCH_ATTRIBUTE.wallet) ?? [];
  if (wallet === credit.wallet && told.get(SEARCH_ATTRIBUTE.amount) === credit.amount) return;
  upsertSearchAttributes([
    { key: SEARCH_ATTRIBUTE.wallet, value: [credit.wallet] },
    { key: SEARCH_ATTRIBUTE.amount, value: credit.amount },
  ]);
}

function explain(saga: GroupSaga, look: DepositWait | null): Guidance {
  if (!saga.opened) return { next: 'The ledger books the payment as pending.', people: [] };
  if (!saga.isOpen()) return { next: 'Nothing, this deposit has ended.', people: [] };
  if (!look) return { next: 'Looks at the chain.', people: [] };
  const { txid, blockHeight, confirmations, finality } = look.progress;
  const { credit, rule } = finality;
  const by = rule === null ? "the asset's own rule" : `rule \`${rule}\``;
  const waits = look.why === null ? '' : ` When last looked at, ${plainText(look.why)}.`;
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

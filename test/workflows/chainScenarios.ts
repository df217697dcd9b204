/** One saga each that talks to a chain or a custodian, by the name of its file in the corpus. */
import { keccak256, toBytes } from 'viem';
import { chainDepositId } from '../../src/contracts/ids.ts';
import type { Group, WithdrawalState } from '../../src/contracts/resources.ts';
import type { SagaUpdates } from '../../src/contracts/sagas.ts';
import type { OpenWithdrawalInput } from '../../src/contracts/steps.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { requireRiskCheck } from '../../src/ledger/recordRisk.ts';
import type { Sagas } from '../../src/temporal/sagas.ts';
import { type ChainCorpus, CUSTODY_ASSET } from './chainCorpus.ts';
import { actInput, holdInput, withdrawalInput } from './inputs.ts';

const ETH = 10n ** 18n;
const WAIT_MS = 20_000;
/** Somebody outside. */
const DESTINATION = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';

type Scenario = (corpus: ChainCorpus, sagas: Sagas, name: string) => Promise<string>;

const depositCredited: Scenario = async (corpus, _sagas, name) => {
  const { groupId } = await deposited(corpus, name);
  await corpus.node.mine(2);
  return groupId;
};

export const CHAIN_SCENARIOS: Record<string, Scenario> = {
  // Of a build whose saga asked the chain at once, and was started without wallet and amount.
  chainDepositCredited: depositCredited,
  chainDepositWaited: depositCredited,
  async chainDepositOrphaned(corpus, _sagas, name) {
    const { groupId } = await deposited(corpus, name);
    await corpus.node.reorg(1);
    return groupId;
  },
  async chainReversal(corpus, sagas, name) {
    const { db, node, groupWhen } = corpus;
    await patchAsset(db, 'ETH', { confirmations: 1 });
    const { groupId } = await deposited(corpus, name);
    await groupWhen(groupId, ({ status }) => status === 'SETTLED');
    await patchAsset(db, 'ETH', { confirmations: 3 });
    await corpus.wallet(`${name}-to`, 'ETH');
    const hold = holdInput(name, name, `${name}-to`, '1');
    await sagas.gateway.start('transfer', hold, WAIT_MS);
    await node.reorg(1);
    const id = groupId.replace('deposit:', 'reversal:');
    await groupWhen(id, ({ status }) => status === 'SETTLED');
    return id;
  },
  async chainWithdrawalSettled(corpus, sagas, name) {
    const { groupId } = await withdrawal(corpus, sagas, name);
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async chainWithdrawalDropped(corpus, sagas, name) {
    const { groupId } = await withdrawal(corpus, sagas, name);
    await state(corpus, groupId, 'in_block');
    await corpus.node.reorg(1);
    await state(corpus, groupId, 'broadcast', 'in_block');
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async chainWithdrawalApproved(corpus, sagas, name) {
    const { db } = corpus;
    const rule = { asset: 'ETH', owner: name, walletKind: null, from: '0', approvals: 1 };
    await putApprovalRule(db, { id: name, ...rule });
    await requireRiskCheck(db, true);
    const { groupId } = await withdrawal(corpus, sagas, name);
    await requireRiskCheck(db, false);
    const step = { groupId, actor: { name: 'ann', admin: false }, reason: 'seen' };
    // As the API does: the ledger says no while the risk check has not answered.
    for (let said = ''; said !== 'done'; ) {
      said = (await approve(db, { ...step, stepKey: 'approve:ann:corpus' })).outcome;
    }
    await sagas.gateway.wake(groupId);
    await state(corpus, groupId, 'in_block');
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async chainWithdrawalSpedUp(corpus, sagas, name) {
    const groupId = await replaced(corpus, sagas, name, 'speedUp', 'replacing');
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async chainWithdrawalCancelledOnChain(corpus, sagas, name) {
    const groupId = await replaced(corpus, sagas, name, 'cancelOnChain', 'cancelling');
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async chainWithdrawalReleased(corpus, sagas, name) {
    const input = await funded(corpus, name, 'ETH');
    // Held, then paused: it waits until somebody gives it back.
    await openWithdrawal(corpus.db, input);
    await patchAsset(corpus.db, 'ETH', { withdrawalsPaused: true });
    await sagas.gateway.start('chainWithdrawal', input, WAIT_MS);
    await state(corpus, input.groupId, 'awaiting_funds');
    await sagas.client.workflow.getHandle(input.groupId).signal('release', 'asked to');
    await corpus.groupWhen(input.groupId, ({ status }) => status === 'RELEASED');
    await patchAsset(corpus.db, 'ETH', { withdrawalsPaused: false });
    return input.groupId;
  },
  async batch(corpus, sagas, name) {
    const { batch } = await together(corpus, sagas, name);
    await corpus.node.automine(true);
    await corpus.mineUntilEnded(batch);
    return batch;
  },
  async chainWithdrawalTogether(corpus, sagas, name) {
    const { groupId } = await together(corpus, sagas, name);
    await corpus.node.automine(true);
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async chainWithdrawalAloneAfterAll(corpus, sagas, name) {
    const { batch, groupId, payee } = await together(corpus, sagas, name);
    const { node } = corpus;
    await node.rpc('anvil_setCode', payee, '0x60006000fd');
    await node.mine();
    await state(corpus, groupId, 'reverted');
    await node.rpc('anvil_setCode', payee, '0x');
    await node.automine(true);
    await corpus.mineUntilEnded(batch);
    await corpus.mineUntilEnded(groupId);
    return groupId;
  },
  async spendNonce(corpus, sagas, name) {
    const { db, node } = corpus;
    const destination = `0x${keccak256(toBytes(name)).slice(-40)}`;
    await node.markUsed(destination);
    await node.automine(false);
    const input = { ...(await funded(corpus, name, 'ETH')), destination };
    await sagas.gateway.start('chainWithdrawal', input, WAIT_MS);
    await state(corpus, input.groupId, 'broadcast');
    // It fails in a block that is final by the asset's word, and that is dropped all the same.
    await patchAsset(db, 'ETH', { final: 1 });
    await node.rpc('anvil_setCode', destination, '0x60006000fd');
    await node.mine();
    await state(corpus, input.groupId, 'released');
    await patchAsset(db, 'ETH', { final: 'finalized' });
    await node.reorg(1);
    await corpus.letGoOn();
    await corpus.groupWhen(input.groupId, ({ withdrawal }) =>
      Boolean(withdrawal?.attempts.some(({ kind }) => kind === 'cancel')),
    );
    await node.automine(true);
    await node.mine();
    return `spend:${input.groupId}`;
  },
  async collection(corpus, _sagas, name) {
    const { db, chain, node } = corpus;
    const { address, groupId } = await deposited(corpus, name);
    await corpus.mineUntilEnded(groupId);
    await db.query(
      "insert into treasury_rules (asset, min_amount, max_fee) values ('ETH', 1, 0.01)",
    );
    await node.mine(3);
    const id = `collection:chain:${chain}:${address.toLowerCase()}:ETH:1`;
    await corpus.groupWhen(id, () => true);
    await db.query("delete from treasury_rules where asset = 'ETH'");
    await corpus.mineUntilEnded(id);
    return id;
  },
  async custodialWithdrawalSettled(corpus, sagas, name) {
    const { groupId } = await held(corpus, sagas, name);
    await corpus.provider.release(groupId);
    await corpus.node.mined();
    await corpus.node.mine(5);
    await wakeUntilEnded(corpus, sagas, groupId);
    return groupId;
  },
  async custodialWithdrawalPaidLate(corpus, sagas, name) {
    const { groupId } = await held(corpus, sagas, name);
    await corpus.provider.say(groupId, { status: 'rejected', detail: 'compliance said no' });
    await wakeUntilEnded(corpus, sagas, groupId);
    // It pays all the same, so that the saga does not ask for days.
    await corpus.provider.say(groupId, { status: 'submitted' });
    await corpus.provider.release(groupId);
    await corpus.node.mined();
    await corpus.node.mine(5);
    await wakeUntil(
      corpus,
      sagas,
      groupId,
      (group) => group.withdrawal?.state === 'late_confirmed',
    );
    return groupId;
  },
  async reconcile(_corpus, { client }, name) {
    await client.workflow.execute('reconcile', { taskQueue: 'holdfast', workflowId: name });
    return name;
  },
};

/** Two ETH to a wallet's address, pending. */
async function deposited(corpus: ChainCorpus, name: string) {
  const { chain, node } = corpus;
  const address = await corpus.wallet(name, 'ETH');
  const { txid } = await node.send({ to: address, wei: 2n * ETH });
  const groupId = chainDepositId(chain, txid, 'native', 1);
  await corpus.groupWhen(groupId, () => true);
  return { address, groupId };
}

async function funded(corpus: ChainCorpus, name: string, asset: string) {
  await corpus.wallet(name, asset);
  await corpus.fund(name, asset, '0.5');
  return withdrawalInput(name, name, { amount: '0.5', destination: DESTINATION });
}

async function withdrawal(
  corpus: ChainCorpus,
  { gateway }: Sagas,
  name: string,
): Promise<OpenWithdrawalInput> {
  const input = await funded(corpus, name, 'ETH');
  await gateway.start('chainWithdrawal', input, WAIT_MS);
  return input;
}

/** Two withdrawals in one transaction that is sent and in no block, the second one's to `payee`. */
async function together(corpus: ChainCorpus, sagas: Sagas, name: string) {
  const payee = `0x${keccak256(toBytes(name)).slice(-40)}`;
  await corpus.node.automine(false);
  corpus.payTogether(true);
  const { groupId } = await withdrawal(corpus, sagas, name);
  const other = await funded(corpus, `${name}-other`, 'ETH');
  for (const each of [payee, DESTINATION]) await corpus.node.markUsed(each);
  await sagas.gateway.start('chainWithdrawal', { ...other, destination: payee }, WAIT_MS);
  const { withdrawal: paid } = await state(corpus, groupId, 'broadcast');
  corpus.payTogether(false);
  const { rows } = await corpus.db.query<{ id: string }>(
    'select group_id as id from withdrawal_attempts where txid = $1',
    [paid?.attempts[0]?.txid],
  );
  return { groupId, payee, batch: rows[0]?.id ?? '' };
}

/** Sent, in no block, and asked to be replaced; blocks come again from then on. */
async function replaced(
  corpus: ChainCorpus,
  sagas: Sagas,
  name: string,
  verb: 'speedUp' | 'cancelOnChain',
  want: WithdrawalState,
): Promise<string> {
  await corpus.node.automine(false);
  const { groupId } = await withdrawal(corpus, sagas, name);
  await state(corpus, groupId, 'broadcast');
  const act = actInput<typeof verb>(verb, groupId, name, { maxFee: null });
  await sagas.gateway.act(verb, act as SagaUpdates['speedUp'], WAIT_MS);
  const isSent = ({ withdrawal }: Group) =>
    withdrawal?.state === want && withdrawal.attempts[1]?.outcome === 'broadcast';
  await corpus.groupWhen(groupId, isSent);
  await corpus.node.automine(true);
  return groupId;
}

/** A payment that the custodian has and has not made. */
async function held(corpus: ChainCorpus, { gateway }: Sagas, name: string) {
  const input = await funded(corpus, name, CUSTODY_ASSET);
  await gateway.start('custodialWithdrawal', input, WAIT_MS);
  await state(corpus, input.groupId, 'broadcast');
  return input;
}

/** As the custodian's webhooks do. */
async function wakeUntil(
  corpus: ChainCorpus,
  { client }: Sagas,
  id: string,
  isEnough: (group: Group) => boolean,
) {
  const handle = client.workflow.getHandle(id);
  await corpus.groupWhen(id, (group) => {
    if (!isEnough(group)) handle.signal('chainChanged').catch(() => {});
    return isEnough(group);
  });
}

const wakeUntilEnded = (corpus: ChainCorpus, sagas: Sagas, id: string) =>
  wakeUntil(corpus, sagas, id, ({ status }) => status !== 'IN_PROGRESS');

const state = (corpus: ChainCorpus, id: string, ...states: WithdrawalState[]) =>
  corpus.groupWhen(id, ({ withdrawal }) =>
    withdrawal === undefined ? false : states.includes(withdrawal.state),
  );

/**
 * Exports the corpus of `replay.test.ts` anew: `node test/workflows/exportHistories.ts`, on purpose
 * and after the change of a workflow that old histories need not survive. With names of scenarios
 * it exports these and leaves the others as they are. Starts its own servers.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { WorkflowHandle } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { SagaUpdate, SagaUpdates } from '../../src/contracts/sagas.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createPool } from '../../src/db/pool.ts';
import { startPostgres } from '../../src/dev/stack/postgres.ts';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { requireRiskCheck } from '../../src/ledger/recordRisk.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import { createLog } from '../../src/observability/log.ts';
import { type Sagas, startSagas } from '../../src/temporal/sagas.ts';
import { runInput } from '../ledger/payoutInputs.ts';
import { openChainCorpus } from './chainCorpus.ts';
import { CHAIN_SCENARIOS } from './chainScenarios.ts';
import {
  actInput,
  depositInput,
  holdInput,
  leg,
  reversalInput,
  transferInput,
  withdrawalInput,
} from './inputs.ts';

const FOLDER = fileURLToPath(new URL('histories/', import.meta.url));
const WAIT_MS = 20_000;

/** One saga each, by the name of its file. */
const SCENARIOS: Record<string, (sagas: Sagas, name: string) => Promise<string>> = {
  async transferImmediate({ gateway }, name) {
    const input = transferInput(name, [leg('a', 'DEBIT', '1'), leg('b', 'CREDIT', '1')]);
    await gateway.start('transfer', input, WAIT_MS);
    return input.groupId;
  },
  async transferRefused({ gateway }, name) {
    const input = holdInput(name, 'b', 'a', '1000000');
    await gateway.start('transfer', input, WAIT_MS);
    return input.groupId;
  },
  async transferSettled(sagas, name) {
    const id = await held(sagas, name);
    await act(sagas, 'settle', id, { legs: null, final: true });
    return id;
  },
  async transferInParts(sagas, name) {
    const legs = [leg('a', 'DEBIT', '4')];
    const input = transferInput(name, legs, { settle: 'manual', expiresIn: 600 });
    await sagas.gateway.start('transfer', input, WAIT_MS);
    const id = input.groupId;
    await act(sagas, 'addLegs', id, { legs: [leg('b', 'CREDIT', '4')] });
    await act(sagas, 'extend', id, { expiresIn: 3600 });
    const part = (amount: string) => [1, 2].map((number) => ({ leg: number, amount }));
    await act(sagas, 'settle', id, { legs: part('9'), final: false }, 'too much');
    await act(sagas, 'settle', id, { legs: part('1'), final: false }, 'part');
    await act(sagas, 'settle', id, { legs: part('2'), final: true }, 'rest');
    return id;
  },
  async transferReleasedBySignal(sagas, name) {
    const id = await held(sagas, name);
    await sagas.client.workflow.getHandle(id).signal('release', { reason: 'dispute' });
    return id;
  },
  async transferSignalRefused(sagas, name) {
    const legs = [leg('a', 'DEBIT', '1')];
    const input = transferInput(name, legs, { settle: 'manual', expiresIn: 600 });
    await sagas.gateway.start('transfer', input, WAIT_MS);
    const handle = sagas.client.workflow.getHandle(input.groupId);
    await handle.signal('settle', 'one-sided');
    await handle.signal('cancel', 'then not');
    return input.groupId;
  },
  transferExpired: (sagas, name) => held(sagas, name, 1),
  async transferCancelled(sagas, name) {
    const id = await held(sagas, name);
    await sagas.client.workflow.getHandle(id).cancel();
    return id;
  },
  async transferRepaired(sagas, name) {
    const id = await held(sagas, name);
    await sagas.client.workflow.getHandle(id).terminate('for the corpus');
    await act(sagas, 'settle', id, { legs: null, final: true });
    return id;
  },
  async reversal({ gateway }, name) {
    const input = transferInput(name, [leg('a', 'DEBIT', '2'), leg('b', 'CREDIT', '2')]);
    await gateway.start('transfer', input, WAIT_MS);
    const reversal = reversalInput(input.groupId, name, '1');
    await gateway.start('reversal', reversal, WAIT_MS);
    return reversal.groupId;
  },
  async depositConfirmed(sagas, name) {
    const { groupId } = depositInput(name, 'a');
    await sagas.gateway.start('deposit', depositInput(name, 'a'), WAIT_MS);
    await act(sagas, 'confirm', groupId, { amount: '40', final: false, txid: null }, 'part');
    await act(sagas, 'confirm', groupId, { amount: null, final: true, txid: null }, 'rest');
    return groupId;
  },
  async depositCancelled(sagas, name) {
    const { groupId } = depositInput(name, 'a');
    await sagas.gateway.start('deposit', depositInput(name, 'a'), WAIT_MS);
    await act(sagas, 'cancelDeposit', groupId, { reason: 'bounced' });
    return groupId;
  },
  async withdrawalFinalized(sagas, name) {
    const { groupId } = withdrawalInput(name, 'a');
    await sagas.gateway.start('withdrawal', withdrawalInput(name, 'a'), WAIT_MS);
    await act(sagas, 'finalize', groupId, { amount: null, final: true, txid: 'wire 7' });
    return groupId;
  },
  async withdrawalStuck(sagas, name) {
    const input = withdrawalInput(name, 'a', { expiresIn: 1 });
    await sagas.gateway.start('withdrawal', input, WAIT_MS);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await sagas.client.workflow.getHandle(input.groupId).signal('release', 'not paid');
    return input.groupId;
  },
  async withdrawalApproved(sagas, name) {
    const input = withdrawalInput(name, 'c', { expiresIn: 3600 });
    await requireRiskCheck(db, true);
    await sagas.gateway.start('withdrawal', input, WAIT_MS);
    await requireRiskCheck(db, false);
    const step = { groupId: input.groupId, actor: { name: 'ann', admin: false }, reason: 'seen' };
    // As the API does: the ledger says no while the risk check has not answered.
    for (let said = ''; said !== 'done'; ) {
      said = (await approve(db, { ...step, stepKey: 'approve:ann:corpus' })).outcome;
    }
    await sagas.gateway.wake(input.groupId);
    await act(sagas, 'finalize', input.groupId, { amount: null, final: true, txid: null });
    return input.groupId;
  },
  async payoutRun({ gateway }, name) {
    // One line is refused; as many as two activities pay.
    const lines = Array.from({ length: 1_100 }, () => ({ wallet: 'b', amount: '0.01' }));
    lines[7] = { wallet: 'b', amount: '1000000' };
    const input = runInput(name, 'c', lines);
    await gateway.openPayoutRun(input, WAIT_MS);
    return input.runId;
  },
  async payoutRunCancelled({ gateway, client }, name) {
    const lines = Array.from({ length: 5_000 }, () => ({ wallet: 'b', amount: '0.01' }));
    const input = runInput(name, 'c', lines);
    await gateway.openPayoutRun(input, WAIT_MS);
    await client.workflow.getHandle(input.runId).signal('cancel', 'for the corpus');
    return input.runId;
  },
  async payoutRunOutside(sagas, name) {
    const lines = ['iban:1', 'iban:2'].map((destination) => ({ destination, amount: '1' }));
    const input = runInput(name, 'a', [{ wallet: 'b', amount: '1' }, ...lines]);
    await sagas.gateway.openPayoutRun(input, WAIT_MS);
    await heldLines(input.runId, 2);
    // So long that it looks by itself, the second time after a longer pause.
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    for (const line of [2, 3]) {
      const id = `payout:shop:${name}:${line}`;
      await act(sagas, 'finalize', id, { amount: null, final: true, txid: null });
    }
    return input.runId;
  },
  async payoutRunStopped({ gateway, client }, name) {
    // They wait for approval, so all of them are given back.
    const lines = ['iban:1', 'iban:2'].map((destination) => ({ destination, amount: '1' }));
    const input = runInput(name, 'c', lines);
    await gateway.openPayoutRun(input, WAIT_MS);
    await heldLines(input.runId, 2);
    await client.workflow.getHandle(input.runId).signal('cancel', 'for the corpus');
    return input.runId;
  },
  async repair({ client }, name) {
    await client.workflow.execute('repair', { taskQueue: 'holdfast', workflowId: name });
    return name;
  },
};

/** Until so many withdrawals of a run are held. */
async function heldLines(runId: string, count: number): Promise<void> {
  while ((await readPayoutRun(db, runId))?.lines.held !== count) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function held({ gateway }: Sagas, name: string, expiresIn = 600): Promise<string> {
  const input = holdInput(name, 'a', 'b', '1', { expiresIn });
  await gateway.start('transfer', input, WAIT_MS);
  return input.groupId;
}

async function act<U extends SagaUpdate>(
  { gateway }: Sagas,
  update: U,
  id: string,
  fields: Omit<SagaUpdates[U], 'groupId' | 'stepKey' | 'actor'>,
  key = 'corpus',
): Promise<void> {
  await gateway.act(update, actInput<U>('settle', id, key, fields), WAIT_MS);
}

/** Those that were named, or all. */
function wanted(): string[] {
  const all = [...Object.keys(SCENARIOS), ...Object.keys(CHAIN_SCENARIOS)];
  const named = process.argv.slice(2);
  const unknown = named.filter((name) => !all.includes(name));
  if (unknown.length > 0) throw new Error(`There is no scenario ${unknown.join(', ')}: ${all}`);
  if (named.length > 0) return named;
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER);
  return all;
}

async function exportAll(sagas: Sagas, names: readonly string[]): Promise<void> {
  for (const name of names) {
    say(name);
    const run = SCENARIOS[name]?.(sagas, name) ?? CHAIN_SCENARIOS[name]?.(corpus, sagas, name);
    const handle: WorkflowHandle = sagas.client.workflow.getHandle((await run) ?? name);
    await handle.result().catch(() => 'cancelled');
    const history = JSON.parse(historyToJSON(await handle.fetchHistory()));
    writeFileSync(join(FOLDER, `${name}.json`), `${JSON.stringify(history, null, 1)}\n`);
  }
}

const names = wanted();
const say = (line: string) => process.stderr.write(`${line}\n`);
const postgres = await startPostgres({ dataDir: null, logDir: null, say });
const logFile = join(tmpdir(), `holdfast-histories-${process.pid}.log`);
const temporal = await startTemporal({ dbFile: null, logFile, uiPort: null, say });
await migrate(postgres.databaseUrl);
const db = createPool({ databaseUrl: postgres.databaseUrl, size: 5, applicationName: 'histories' });
await createAsset(db, { code: 'USD', scale: 2 });
for (const id of ['a', 'b', 'c']) await createWallet(db, { id, owner: id, asset: 'USD' });
const funds = [
  leg('external:USD', 'DEBIT', '20000'),
  leg('a', 'CREDIT', '10000'),
  leg('c', 'CREDIT', '10000'),
];
const rule = { asset: 'USD', owner: 'c', walletKind: null, from: '0', approvals: 1 };
await putApprovalRule(db, { id: 'corpus', ...rule });
await openTransfer(db, { ...transferInput('funds', funds), actor: { name: 'admin', admin: true } });
const log = createLog('error');
const corpus = await openChainCorpus(db, log);
const sagas = await startSagas({
  db,
  log,
  address: temporal.address,
  namespace: 'default',
  identity: 'corpus',
  temporalUi: null,
  sweeper: false,
  chainActivities: corpus.activities,
  risk: () => Promise.resolve({ verdict: 'allow', reason: null }),
});
try {
  await corpus.watch(sagas);
  await exportAll(sagas, names);
} finally {
  await corpus.stop();
  await sagas.stop();
  await db.end();
  await temporal.stop();
  await postgres.stop();
  rmSync(logFile, { force: true });
}

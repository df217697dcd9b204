/** Who runs in `bench/saga.ts`: our sagas, and empty ones of the same shape. */
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, type NativeConnection } from '@temporalio/worker';
import { groupId, stepKey } from '../src/contracts/ids.ts';
import type { SagaGateway } from '../src/contracts/sagas.ts';
import type { OpenTransferInput } from '../src/contracts/steps.ts';
import { startWorker } from '../src/temporal/worker.ts';

/** Runs the saga of a name; each call ends when a caller would have its answer. */
export interface Contender {
  name: string;
  hold(name: string): Promise<void>;
  settle(name: string): Promise<void>;
  transfer(name: string): Promise<void>;
}

const CLIENT = 'bench';
const ACTOR = { name: CLIENT, admin: false };
/** A saga that takes longer is counted as broken, in milliseconds. */
const WAIT_MS = 30_000;

/** Sagas over the ledger, on pairs of wallets that take turns. */
export function ledgerSagas(gateway: SagaGateway, pairs: [string, string][]): Contender {
  let turn = 0;
  const open = async (name: string, settle: 'immediate' | 'manual') => {
    turn += 1;
    const [from, to] = pairs[turn % pairs.length] ?? ['', ''];
    const input: OpenTransferInput = {
      groupId: groupId('transfer', CLIENT, name),
      stepKey: stepKey('create', CLIENT, name),
      actor: ACTOR,
      client: CLIENT,
      legs: [
        { wallet: from, type: 'DEBIT', amount: '0.01' },
        { wallet: to, type: 'CREDIT', amount: '0.01' },
      ],
      settle,
      expiresIn: settle === 'manual' ? 86_400 : null,
      reference: null,
      metadata: {},
      acceptBy: null,
    };
    insist(await gateway.start('transfer', input, WAIT_MS));
  };
  return {
    name: 'ledger',
    hold: (name) => open(name, 'manual'),
    transfer: (name) => open(name, 'immediate'),
    async settle(name) {
      const step = {
        groupId: groupId('transfer', CLIENT, name),
        stepKey: stepKey('settle', CLIENT, name),
        actor: ACTOR,
      };
      insist(await gateway.act('settle', { ...step, legs: null, final: true }, WAIT_MS));
    },
  };
}

function insist(answer: { outcome: string }): void {
  if (answer.outcome !== 'done') throw new Error(`A saga went wrong: ${JSON.stringify(answer)}`);
}

/** The floor: the same client, connection and way of waiting, on a task queue of its own. */
export async function emptySagas(
  client: Client,
): Promise<Contender & { stop: () => Promise<void> }> {
  const taskQueue = 'empty';
  const waiting = new Map<string, () => void>();
  const told = (name: string) => new Promise<void>((resolve) => waiting.set(name, resolve));
  const tell = async (name: string) => {
    waiting.get(name)?.();
    waiting.delete(name);
    return name;
  };
  const workflowsPath = fileURLToPath(new URL('emptySaga.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const worker = await startWorker({
    connection: client.connection as NativeConnection,
    namespace: client.options.namespace,
    identity: 'bench',
    taskQueue,
    activities: { begin: tell, end: tell },
    bundle: { code, id: 'empty' },
  });
  const start = async (type: string, name: string) => {
    const begun = told(name);
    const options = { workflowId: name, taskQueue, args: [name], requestEagerStart: true };
    await client.workflow.start(type, options);
    await begun;
  };
  return {
    name: 'empty',
    stop: () => worker.stop(),
    hold: (name) => start('emptySaga', name),
    transfer: (name) => start('emptyTransfer', name),
    async settle(name) {
      const ended = told(name);
      // As our gateway does: the activity tells first, Temporal's record of it is not awaited.
      client.workflow
        .getHandle(name)
        .executeUpdate('settle')
        .catch(() => {});
      await ended;
    },
  };
}

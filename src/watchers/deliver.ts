/** Delivers the tasks that blocks left behind, until the books show what each asks for. */
import type { Client } from '@temporalio/client';
import type { ChainId } from '../chains/port.ts';
import { plainText } from '../contracts/markdown.ts';
import { type SagaInputs, SIGNAL } from '../contracts/sagas.ts';
import type { Db } from '../db/pool.ts';
import { readOpenGroup } from '../ledger/openGroups.ts';
import type { Log } from '../observability/log.ts';
import { faultOf } from '../temporal/failures.ts';
import { inputOf, repairGroup } from '../temporal/repair.ts';
import { startSaga } from '../temporal/start.ts';
import type { KnownFacts } from '../temporal/startOptions.ts';

export interface DeliveryDeps {
  db: Db;
  client: Client;
  log: Log;
}

/** A task as `chain_due_tasks` hands it out. */
interface Task {
  id: string;
  kind:
    | 'open'
    | 'credit'
    | 'orphan'
    | 'reverse'
    | 'collect'
    | 'sweep'
    | 'batch'
    | 'moved'
    | 'paid'
    | 'unpaid'
    | 'confirm'
    | 'final';
  groupId: string;
  inclusionId: string;
  /** How often it was handed out, this time included. */
  tries: number;
}

/** Enough to keep Temporal busy, few enough to be delivered before they are due again. */
const BATCH = 50;
const AT_ONCE = 10;
/** Longest call for one task, in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;
/**
 * A saga that ended without opening its group (it was terminated) is started anew from here on. The
 * first tries leave a run that is just ending alone.
 */
const TRIES_BEFORE_RESTART = 3;

/** Takes the tasks that are due, the oldest first; each is due again until its effect is there. */
async function dueTasks(db: Db, chain: ChainId, limit: number): Promise<Task[]> {
  const { rows } = await db.query<Task>({
    name: 'chain_due_tasks',
    text: `select id, kind, group_id as "groupId", inclusion_id as "inclusionId", tries
      from chain_due_tasks($1, $2)`,
    values: [chain, limit],
  });
  return rows;
}

/**
 * Delivers one batch. A task that Temporal does not take stays due, with back-off.
 *
 * @returns how many were handed out; as many as fit means that more are waiting
 */
export async function deliverTasks(deps: DeliveryDeps, chain: ChainId): Promise<number> {
  const tasks = await dueTasks(deps.db, chain, BATCH);
  const left = tasks.values();
  const run = async () => {
    for (const task of left) await deliver(deps, task);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, tasks.length) }, run));
  return tasks.length;
}

async function deliver(deps: DeliveryDeps, task: Task): Promise<void> {
  try {
    if (task.kind === 'open') await open(deps, task);
    else if (task.kind === 'reverse') await reverse(deps, task);
    else if (task.kind === 'collect') await pay(deps, task, 'collection');
    else if (task.kind === 'sweep') await pay(deps, task, 'chainWithdrawal');
    else if (task.kind === 'batch') await pay(deps, task, 'batch');
    else await wake(deps, task);
    if (task.kind === 'moved') await endTask(deps.db, task);
  } catch (error) {
    const { kind, groupId, tries } = task;
    deps.log.warn({ groupId, kind, tries, reason: faultOf(error).detail }, 'chain task not taken');
  }
}

async function open({ client, db }: DeliveryDeps, { groupId, inclusionId, tries }: Task) {
  const known = await depositFacts(db, inclusionId);
  await startSaga(
    client,
    'chainDeposit',
    { groupId, inclusionId },
    { again: tries > TRIES_BEFORE_RESTART, deadline: Date.now() + CALL_TIMEOUT_MS, known },
  );
}

/** What people look a deposit up by; its saga puts right what has changed when it is booked. */
async function depositFacts(db: Db, inclusionId: string): Promise<KnownFacts> {
  const { rows } = await db.query<{ asset: string; amount: string; wallet: string; to: string }>({
    name: 'chain_deposit_facts',
    text: `select asset, amount_text(amount) as amount, to_address as to,
        chain_wallet_of(chain_family(chain), to_address, asset, amount) as wallet
      from chain_inclusions where id = $1`,
    values: [inclusionId],
  });
  const [facts] = rows;
  if (!facts) return {};
  const { asset, amount, wallet, to } = facts;
  const summary = `Deposit of ${amount} ${asset} to ${plainText(wallet)}, seen on ${to}`;
  return { summary, wallets: [wallet], assets: [asset], amount };
}

/** Money that a customer has is taken back: people hear of it when it begins. */
async function reverse(deps: DeliveryDeps, { groupId, inclusionId, tries }: Task) {
  if (tries === 1) {
    const message = 'a credited deposit is no longer in the chain and is taken back';
    deps.log.error({ groupId, inclusionId, alert: 'CREDIT_ORPHANED' }, message);
  }
  await startSaga(
    deps.client,
    'chainReversal',
    { groupId, inclusionId },
    { again: tries > TRIES_BEFORE_RESTART, deadline: Date.now() + CALL_TIMEOUT_MS },
  );
}

/** The group is there already, and its first step's request is what its saga is started with. */
async function pay(
  { client, db }: DeliveryDeps,
  { groupId, tries }: Task,
  type: 'collection' | 'chainWithdrawal' | 'batch',
) {
  const open = await readOpenGroup(db, groupId);
  if (!open) return;
  await startSaga(client, type, inputOf(open) as SagaInputs[typeof type], {
    again: tries > TRIES_BEFORE_RESTART,
    deadline: Date.now() + CALL_TIMEOUT_MS,
  });
}

/** Its effect is in the books already, so what ends it is the delivery; not where it is anew. */
async function endTask(db: Db, { id, tries }: Task): Promise<void> {
  await db.query(
    'update chain_tasks set done_at = clock_timestamp() where id = $1 and tries = $2',
    [id, tries],
  );
}

/** The signal is a hint: it carries nothing, the saga reads what is true. */
async function wake(deps: DeliveryDeps, { groupId }: Task): Promise<void> {
  const { client } = deps;
  try {
    await client.connection.withDeadline(Date.now() + CALL_TIMEOUT_MS, () =>
      client.workflow.getHandle(groupId).signal(SIGNAL.chainChanged),
    );
  } catch (error) {
    if (faultOf(error).fault !== 'not_found') throw error;
    // No run takes the hint. Where the group is open, its saga begins again and reads for itself.
    await repairGroup(deps, groupId);
  }
}

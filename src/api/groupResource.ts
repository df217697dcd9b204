import { payoutRunOf } from '../contracts/ids.ts';
import type { Group } from '../contracts/resources.ts';
import { KIND_OF_SAGA, type RunningSaga, type SagaGateway } from '../contracts/sagas.ts';
import type { Db } from '../db/pool.ts';
import { readAnnounced, readGroup } from '../ledger/groups.ts';
import { Problem } from './problem.ts';
import { canonicalTime } from './time.ts';

/** A group as the API sends it: the ledger's, with what Temporal adds. */
export interface GroupResource extends Group {
  workflowId: string;
  links: { temporalUi: string | null };
}

/**
 * Ids of groups that a workflow drives. Others are written whole by one step, such as assignments
 * and late payments: a link to their workflow would lead nowhere.
 */
const HAS_SAGA = /^(transfer|deposit|withdrawal|reversal|collection|batch|payout|payoutRun):/;

export function groupResource(gateway: SagaGateway, group: Group): GroupResource {
  // A line of a payout run that names a wallet has no saga of its own.
  const runId = group.kind === 'transfer' ? payoutRunOf(group.id) : null;
  const workflowId = runId ?? group.id;
  const temporalUi = HAS_SAGA.test(workflowId) ? gateway.uiLink(workflowId) : null;
  return { ...group, workflowId, links: { temporalUi } };
}

/** Kinds of groups that a client's POST can have begun. */
const CLIENT_GROUP_ID = /^(transfer|deposit|withdrawal|reversal):(?!chain:)/;

/** Sagas that nobody's POST started: what they book is read from the chain. */
type ChainSaga = Extract<
  RunningSaga,
  { type: 'chainDeposit' | 'chainReversal' | 'collection' | 'batch' }
>;

/** A saga that a client's POST started. */
export type ClientSaga = Exclude<RunningSaga, ChainSaga>;

/**
 * A group that was accepted and has no row yet: IN_PROGRESS, without legs and deadline, since
 * nothing is held so far.
 */
export function acceptedGroup({ type, input, startedAt }: ClientSaga): Group {
  return {
    id: input.groupId,
    kind: KIND_OF_SAGA[type],
    status: 'IN_PROGRESS',
    reason: null,
    legs: [],
    expiresAt: null,
    createdAt: canonicalTime(startedAt) ?? startedAt,
    finishedAt: null,
    reference: ('reference' in input ? input.reference : null) ?? null,
    metadata: 'metadata' in input ? input.metadata : {},
    reverses: 'reverses' in input ? input.reverses : null,
    ...('destination' in input
      ? {
          withdrawal: {
            state: 'requested',
            destination: input.destination,
            attempts: [],
            confirmations: 0,
          },
        }
      : {}),
  };
}

/** Asks Temporal for a group that has no row, in whichever process it was accepted. */
async function runningGroup(gateway: SagaGateway, id: string): Promise<Group | null> {
  if (gateway.describe === undefined || !CLIENT_GROUP_ID.test(id)) return null;
  let saga: RunningSaga | null;
  try {
    saga = await gateway.describe(id);
  } catch {
    throw new Problem(
      'UNAVAILABLE',
      'The ledger has no such group; Temporal does not tell whether it was accepted. Ask again.',
    );
  }
  return saga === null || isOfChain(saga) ? null : acceptedGroup(saga);
}

function isOfChain(saga: RunningSaga): saga is ChainSaga {
  return ['chainDeposit', 'chainReversal', 'collection', 'batch'].includes(saga.type);
}

/** The group that the ledger has under this id, or for it. */
async function storedGroup(db: Db, id: string): Promise<Group | null> {
  return (await readGroup(db, id)) ?? (await readAnnounced(db, id));
}

/**
 * The group, also one that was accepted and is not written yet. An announced deposit whose txid was
 * known has no group of its own: who was told 202 finds the first one. 404 GROUP_NOT_FOUND else.
 */
export async function findGroup(db: Db, gateway: SagaGateway, id: string): Promise<Group> {
  const group =
    (await storedGroup(db, id)) ?? (await runningGroup(gateway, id)) ?? (await storedGroup(db, id));
  if (group !== null) return group;
  throw new Problem('GROUP_NOT_FOUND', `There is no transfer group ${id}.`);
}

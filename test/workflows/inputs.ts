/** Inputs of sagas and acts, under the client of the tests. */
import { groupId, reversalId, stepKey } from '../../src/contracts/ids.ts';
import type { SagaUpdate, SagaUpdates } from '../../src/contracts/sagas.ts';
import type {
  LegInput,
  OpenDepositInput,
  OpenTransferInput,
  OpenWithdrawalInput,
  ReverseInput,
} from '../../src/contracts/steps.ts';

const CLIENT = 'shop';
const ACTOR = { name: CLIENT, admin: false };

export const leg = (id: string, type: 'DEBIT' | 'CREDIT', amount: string): LegInput => ({
  wallet: id,
  type,
  amount,
});

/** Input of an immediate transfer; change what the test is about. */
export function transferInput(
  key: string,
  legs: LegInput[],
  changes: Partial<OpenTransferInput> = {},
): OpenTransferInput {
  return {
    groupId: groupId('transfer', CLIENT, key),
    stepKey: stepKey('create', CLIENT, key),
    actor: ACTOR,
    client: CLIENT,
    legs,
    settle: 'immediate',
    expiresIn: null,
    reference: null,
    metadata: {},
    acceptBy: null,
    ...changes,
  };
}

/** Input of a hold of `amount` from one wallet to another, for a day. */
export function holdInput(
  key: string,
  from: string,
  to: string,
  amount: string,
  changes: Partial<OpenTransferInput> = {},
): OpenTransferInput {
  const legs = [leg(from, 'DEBIT', amount), leg(to, 'CREDIT', amount)];
  return transferInput(key, legs, { settle: 'manual', expiresIn: 86_400, ...changes });
}

/** Input of an act on a group under the test's client. */
export function actInput<U extends SagaUpdate>(
  verb: Parameters<typeof stepKey>[0],
  group: string,
  key: string,
  fields: Omit<SagaUpdates[U], 'groupId' | 'stepKey' | 'actor'>,
): SagaUpdates[U] {
  const step = { groupId: group, stepKey: stepKey(verb, CLIENT, key), actor: ACTOR };
  return { ...step, ...fields } as unknown as SagaUpdates[U];
}

/** Input of a reversal of so much of an immediate transfer. */
export function reversalInput(reverses: string, key: string, amount: string): ReverseInput {
  const step = {
    groupId: reversalId(reverses, CLIENT, key),
    stepKey: stepKey('create', CLIENT, key),
  };
  const told = { reverses, amount, legs: null, reason: 'returned goods', acceptBy: null };
  return { ...step, ...told, actor: ACTOR, client: CLIENT };
}

/** Input of a deposit of 100. */
export function depositInput(
  key: string,
  wallet: string,
  txid: string | null = null,
): OpenDepositInput {
  return {
    groupId: groupId('deposit', CLIENT, key),
    stepKey: stepKey('create', CLIENT, key),
    actor: ACTOR,
    client: CLIENT,
    wallet,
    amount: '100',
    txid,
    ordinal: null,
    source: null,
    metadata: {},
    acceptBy: null,
  };
}

/** Input of a withdrawal of 60. */
export function withdrawalInput(
  key: string,
  wallet: string,
  changes: Partial<OpenWithdrawalInput> = {},
): OpenWithdrawalInput {
  return {
    groupId: groupId('withdrawal', CLIENT, key),
    stepKey: stepKey('create', CLIENT, key),
    actor: ACTOR,
    client: CLIENT,
    wallet,
    amount: '60',
    destination: 'IBAN 1',
    feeMode: 'platform',
    maxFee: null,
    riskMeta: null,
    expiresIn: null,
    metadata: {},
    acceptBy: null,
    ...changes,
  };
}

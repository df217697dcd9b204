/**
 * A saga takes every act that the API takes: where it would refuse one, a caller got the answer of
 * the ledger or the refusal of the saga, whichever came first.
 */
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { confirmDepositBody } from '../../src/api/schemas/deposit.ts';
import { addLegsBody, extendBody, reasonBody, settleBody } from '../../src/api/schemas/group.ts';
import {
  finalizeWithdrawalBody,
  releaseWithdrawalBody,
  replaceAttemptBody,
} from '../../src/api/schemas/withdrawal.ts';
import type { SagaUpdate } from '../../src/contracts/sagas.ts';
import { checkInput } from '../../workflows/actInputs.ts';

const group = 'transfer:shop:1';

/** What a field may be at its edges; those that its schema refuses are passed over. */
const TEXTS = ['x', ' ', '\t\n', '\u00a0', '\u200b', '-', '0', 'a'.repeat(255), 'a'.repeat(500)];
const EDGES: Record<string, unknown[]> = {
  reason: [...TEXTS, '😀'.repeat(500), '\u0001'],
  txid: [...TEXTS, '😀'.repeat(255), '\u0001', null],
  amount: ['1', '1.50', `0.${'0'.repeat(35)}1`, '9'.repeat(38)],
  maxFee: ['1', `0.${'0'.repeat(35)}1`, null],
  final: [true, false],
  expiresIn: [1, 90 * 86_400],
  legs: [
    [{ leg: 1, amount: '1' }],
    [{ leg: 32_767, amount: '1.0' }],
    Array(1000).fill({ leg: 1, amount: '1' }),
    [{ wallet: '-', type: 'DEBIT', amount: '1' }],
    [{ wallet: 'a'.repeat(64), type: 'CREDIT', amount: '1', asset: '@' }],
  ],
};
const WHOLE = { amount: null, final: true, txid: null, legs: null, maxFee: null, reason: 'r' };

const SCHEMAS: Record<SagaUpdate, z.ZodObject> = {
  addLegs: addLegsBody,
  settle: settleBody,
  release: reasonBody,
  cancel: reasonBody,
  extend: extendBody,
  confirm: confirmDepositBody,
  cancelDeposit: reasonBody,
  finalize: finalizeWithdrawalBody,
  releaseWithdrawal: releaseWithdrawalBody,
  speedUp: replaceAttemptBody,
  cancelOnChain: replaceAttemptBody,
};

/** As the API sends it: all fields that the act has, each said. */
function sent(update: SagaUpdate, body: object): object {
  const fields = Object.keys(SCHEMAS[update].shape);
  if (update === 'confirm') fields.push('txid');
  const all = Object.entries({ ...WHOLE, ...body }).filter(([name]) => fields.includes(name));
  const actor = { name: 'shop', admin: false };
  return { ...Object.fromEntries(all), groupId: group, stepKey: `${update}:shop:1`, actor };
}

it.each(Object.keys(SCHEMAS) as SagaUpdate[])('%s is taken as the API takes it', (update) => {
  const schema = SCHEMAS[update];
  let taken = 0;
  for (const field of Object.keys(schema.shape)) {
    for (const value of EDGES[field] ?? []) {
      const others = 'reason' in schema.shape ? { reason: 'r' } : {};
      const { success, data } = schema.safeParse({ ...others, [field]: value });
      if (!success) continue;
      taken += 1;
      expect(() => checkInput(update, sent(update, data), group)).not.toThrow();
    }
  }
  expect(taken).toBeGreaterThan(1);
});

import { describe, expect, it } from 'vitest';
import type { SagaUpdate } from '../../src/contracts/sagas.ts';
import { checkInput, completeInput } from '../../workflows/actInputs.ts';

const group = 'transfer:shop:1';

function expectThrown(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('what a person types at the Temporal UI', () => {
  it.each<[SagaUpdate, unknown, object]>([
    ['settle', {}, { legs: null, final: true }],
    ['settle', { legs: [{ leg: 1, amount: '2' }], final: false }, { final: false }],
    ['extend', { expiresIn: 3600 }, { expiresIn: 3600 }],
    ['cancel', { reason: 'fraud' }, { reason: 'fraud' }],
    ['confirm', {}, { amount: null, final: true, txid: null }],
    ['confirm', { amount: '1.5' }, { amount: '1.5', final: false }],
    ['finalize', { txid: 'wire 7' }, { amount: null, final: true, txid: 'wire 7' }],
    ['releaseWithdrawal', { reason: 'returned' }, { amount: null, final: true }],
  ])('becomes a step of temporal-ui: %s %j', (update, typed, fields) => {
    checkInput(update, typed, group);
    expect(completeInput(update, typed, group, 'u1')).toMatchObject({
      groupId: group,
      stepKey: '~update:u1',
      actor: { name: 'temporal-ui', admin: false },
      ...fields,
    });
  });

  it.each<[SagaUpdate, unknown, string]>([
    ['settle', 'now', 'The input is one JSON object'],
    ['settle', undefined, 'The input is one JSON object: {} for everything held'],
    ['settle', { expiresIn: 3600 }, '"expiresIn" is no field of settle. Its input is {} for'],
    ['cancel', { reason: 'mine', amount: '1' }, '"amount" is no field of cancel'],
    ['confirm', { amuont: '1.5' }, '"amuont" is no field of confirm'],
    ['cancel', {}, '"reason" is a text of 1 to 500 characters'],
    ['cancel', { reason: ' ' }, '"reason" is a text'],
    ['extend', { expiresIn: '3600' }, '"expiresIn" is a whole number of seconds'],
    ['extend', { expiresIn: 90 * 86_400 + 1 }, '"expiresIn" is a whole number of seconds'],
    ['addLegs', { legs: [] }, '"legs" is a list of legs'],
    ['addLegs', { legs: [{ wallet: 'a', type: 'DEBIT', amount: 5 }] }, 'such as "1.5"'],
    ['settle', { legs: [{ leg: 1, amount: '1e3' }] }, 'The "amount" of leg 1'],
    ['confirm', { amount: '-1' }, '"amount": An amount has'],
    ['confirm', { final: 'yes' }, '"final" is true or false'],
    ['settle', { groupId: 'transfer:shop:2' }, 'This workflow drives the group transfer:shop:1'],
  ])('is refused in words: %s %j', (update, typed, words) => {
    expect(() => checkInput(update, typed, group)).toThrow(words);
  });

  it('cannot make its author an admin', () => {
    const typed = { reason: 'mine', actor: { name: 'root', admin: true } };
    expect(completeInput('cancel', typed, group, 'u1').actor).toEqual({
      name: 'temporal-ui',
      admin: false,
    });
  });

  it('is told that something is wrong with it without a stack', () => {
    const refused = expectThrown(() => checkInput('extend', {}, group));
    expect(refused).toMatchObject({ type: 'INVALID_REQUEST', category: 'BENIGN', stack: '' });
  });

  it('passes what the API sends as it is', () => {
    const actor = { name: 'shop', admin: false };
    const sent = { groupId: group, stepKey: 'cancel:shop:1', actor, reason: 'stock' };
    checkInput('cancel', sent, group);
    expect(completeInput('cancel', sent, group, 'cancel:shop:1')).toEqual(sent);
  });
});

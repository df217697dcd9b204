import { describe, expect, it } from 'vitest';
import type { SagaUpdate } from '../../src/contracts/sagas.ts';
import { checkInput, completeInput, saidReason } from '../../workflows/actInputs.ts';

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
    ['settle', new Uint8Array(0), 'The input is one JSON object: {} for everything held'],
    ['settle', { expiresIn: 3600 }, '"expiresIn" is no field of settle. Its input is {} for'],
    ['cancel', { reason: 'mine', amount: '1' }, '"amount" is no field of cancel'],
    ['confirm', { amuont: '1.5' }, '"amuont" is no field of confirm'],
    ['settle', { toString: '1.5' }, '"toString" is no field of settle'],
    ['settle', { legs: [{ leg: 1, amount: '2', final: false }] }, '"final" is no field of a leg'],
    [
      'addLegs',
      { legs: [{ wallet: 'a', type: 'DEBIT', amount: '1', aset: 'EUR' }] },
      '"aset" is no',
    ],
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
    ['cancel', { reason: 'a\u0000b' }, '"reason": A text cannot hold the character U+0000'],
    ['cancel', { reason: 'a\ud800' }, '"reason": A text cannot hold half of a surrogate pair'],
    ['finalize', { txid: 'a\u0000' }, '"txid": A text cannot hold the character U+0000'],
    ['finalize', { txid: 7 }, '"txid" is a text of 1 to 255 characters'],
    ['settle', { legs: [{ leg: 3_000_000_000, amount: '1' }] }, 'names its "leg" by number'],
    ['addLegs', { legs: [{ wallet: '\u0000', type: 'DEBIT', amount: '1' }] }, 'its "wallet"'],
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

  it('may have as many characters as people count, not as UTF-16 has units', () => {
    const said = (characters: number) => ({ reason: '😀'.repeat(characters) });
    checkInput('cancel', said(500), group);
    expect(() => checkInput('cancel', said(501), group)).toThrow('a text of 1 to 500 characters');
  });

  it('passes what the API sends as it is', () => {
    const actor = { name: 'shop', admin: false };
    const sent = { groupId: group, stepKey: 'cancel:shop:1', actor, reason: 'stock' };
    checkInput('cancel', sent, group);
    expect(completeInput('cancel', sent, group, 'cancel:shop:1')).toEqual(sent);
  });
});

describe('what comes with a step key, as from a service', () => {
  const actor = { name: 'shop', admin: false };
  const acceptBy = '2026-01-02T03:04:05.678Z';
  const whole = { groupId: group, stepKey: 'settle:shop:1', actor, legs: null, final: true };

  it('is taken whole, with or without a time', () => {
    checkInput('settle', whole, group);
    checkInput('settle', { ...whole, acceptBy }, group);
    checkInput('settle', { ...whole, acceptBy: null }, group);
  });

  it.each<[string, object, string]>([
    ['an actor', { actor: undefined }, '"stepKey" comes from services, with an "actor"'],
    ['the name of one', { actor: { admin: true } }, '"actor" is {"name", "admin"}'],
    ['the right of one', { actor: { name: 'shop' } }, '"actor" is {"name", "admin"}'],
    ['a group', { groupId: undefined }, '"groupId" is missing'],
    ['a field', { final: undefined }, '"final" is missing'],
    ['a key that can be kept', { stepKey: 'a\u0000' }, '"stepKey": A text cannot hold'],
    ['a key of some length', { stepKey: 'k'.repeat(513) }, '"stepKey" is a text of 1 to 512'],
    ['a time that is one', { acceptBy: '1' }, '"acceptBy" is no time'],
    ['a time of a clock', { acceptBy: '2026-01-02T25:04:05Z' }, '"acceptBy" is no time'],
    ['a day of the calendar', { acceptBy: '2026-02-30T03:04:05Z' }, '"acceptBy" is no time'],
    ['a year that there was', { acceptBy: '0000-01-02T03:04:05Z' }, '"acceptBy" is no time'],
    ['fields that it has', { freeze: 'no' }, '"freeze" is no field of settle'],
  ])('is refused in words without %s', (_what, changes, words) => {
    expect(() => checkInput('settle', { ...whole, ...changes }, group)).toThrow(words);
  });
});

describe('the reason that a button was pressed with', () => {
  it('is kept as far as the ledger can keep it', () => {
    expect(saidReason('a\u0000b\ud800')).toBe('ab\ufffd');
    expect(saidReason({ reason: '😀'.repeat(600) })).toBe('😀'.repeat(500));
    expect(saidReason('\u0000')).toBeNull();
  });
});

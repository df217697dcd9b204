/**
 * Balances of many addresses by one `eth_call`: the code of a contract that is never made reads
 * them one after the other, and what it answers in place of its code are the balances. So nothing
 * has to be deployed, and any node answers that can run a call.
 */

/**
 * Addresses of one call. Nodes let a contract's code, which the answer stands for, have 24 KB, or
 * 767 words. These cost some 7 million gas of a token with a proxy; nodes give calls 25 and more.
 */
export const MOST_TOGETHER = 500;

const WORD_DIGITS = 64;

const hexByte = (value: number) => value.toString(16).padStart(2, '0');
const lengthOf = (code: string) => code.length / 2;

/**
 * Steps through the addresses behind the code, whose length is `at`; stack: how many, which. Ends
 * with the address on top. `0x5b` is a place to jump to; the first jump leaves the loop to `end`.
 */
const nextAddress = (at: number, end: number) =>
  [
    `60${hexByte(at)}3803`, // PUSH at, CODESIZE, SUB
    '60149004', // PUSH 20, SWAP1, DIV: how many
    '6000', // PUSH 0: which
    '5b', // JUMPDEST
    '81811015', // DUP2, DUP2, LT, ISZERO: none is left
    `60${hexByte(end)}57`, // PUSH end, JUMPI
    `601481601402`, // PUSH 20, DUP2, PUSH 20, MUL
    `60${hexByte(at)}01`, // PUSH at, ADD: where it stands
    '600039', // PUSH 0, CODECOPY
    '60005160601c', // PUSH 0, MLOAD, PUSH 96, SHR
  ].join('');

/** Where the loop begins: behind the first three lines of `nextAddress`. */
const LOOP = 10;

/** Keeps what lies on top as this one's answer, goes on, and at last returns count and answers. */
const keepAnswer = [
  '8160051b', // DUP2, PUSH 5, SHL
  '60600152', // PUSH 0x60, ADD, MSTORE
  '600101', // PUSH 1, ADD: the next
  `60${hexByte(LOOP)}56`, // PUSH loop, JUMP
  '5b50', // JUMPDEST, POP: the end
  '80604052', // DUP1, PUSH 0x40, MSTORE: the count stands before the answers
  '60051b602001', // PUSH 5, SHL, PUSH 32, ADD: bytes
  '6040f3', // PUSH 0x40, RETURN
].join('');
/** Bytes of `keepAnswer` up to where the loop ends. */
const BEFORE_END = 14;

/** An address's native coins. */
const BALANCE = '31';

/** `balanceOf(address)` of a token; all is reverted where it answers no word. */
const balanceOfToken = (contract: string, at: number) =>
  [
    '602052', // PUSH 0x20, MSTORE: the owner
    '6370a08231600052', // PUSH selector, PUSH 0, MSTORE
    '602060006024601c', // PUSH 32, PUSH 0, PUSH 36, PUSH 28: answer to 0, call from 28
    `73${contract.slice(2)}5afa`, // PUSH contract, GAS, STATICCALL
    '601f3d1116', // PUSH 31, RETURNDATASIZE, GT, AND: it went well and answered a word
    `60${hexByte(at + BEFORE_SOUND)}57`, // PUSH sound, JUMPI
    '60006000fd', // PUSH 0, PUSH 0, REVERT
    '5b600051', // JUMPDEST, PUSH 0, MLOAD
  ].join('');
/** Bytes of `balanceOfToken` up to where it goes on with a sound answer. */
const BEFORE_SOUND = 55;

/** The data of a call without a target that answers the balances of so many addresses. */
export function balancesCode(addresses: readonly string[], contract: string | null): string {
  const head = lengthOf(nextAddress(0, 0));
  const read = contract === null ? BALANCE : balanceOfToken(contract, head);
  const end = head + lengthOf(read) + BEFORE_END;
  const whole = head + lengthOf(read) + lengthOf(keepAnswer);
  const code = [nextAddress(whole, end), read, keepAnswer].join('');
  return `0x${code}${addresses.map((address) => address.slice(2)).join('')}`;
}

/** The balances; null: the answer is not of that code, so the node ran something else. */
export function readBalances(answer: string, count: number): bigint[] | null {
  const words = /^0x[0-9a-f]*$/i.test(answer) ? answer.slice(2) : '';
  if (words.length !== (count + 1) * WORD_DIGITS) return null;
  const wordAt = (place: number) =>
    BigInt(`0x${words.slice(place * WORD_DIGITS, (place + 1) * WORD_DIGITS)}`);
  if (wordAt(0) !== BigInt(count)) return null;
  return Array.from({ length: count }, (_, at) => wordAt(at + 1));
}

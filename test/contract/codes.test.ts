/** Every code of the contract is expected by a test of the API, or listed here with its reason. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { HTTP_STATUS_BY_CODE } from '../../src/contracts/codes.ts';

/** Codes that nothing can answer yet. */
const CANNOT_OCCUR = [
  // No call has a rate limit.
  'RATE_LIMITED',
  // The only signer is the development one, which signs what the ledger holds.
  'SIGNER_REFUSED',
];

const FOLDER = new URL('../api/', import.meta.url);

/** `[409, 'GROUP_NOT_OPEN']`, over several lines too, the way the tests expect a fault. */
function codesExpected(): Set<string> {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.test.ts'));
  const sources = files.map((name) => readFileSync(new URL(name, FOLDER), 'utf8')).join('\n');
  const entries = Object.entries(HTTP_STATUS_BY_CODE);
  const expected = entries.filter(([code, status]) => {
    // Tables name the code after its status or before it.
    const pattern = new RegExp(`${status},\\s*'${code}'|'${code}', ${status}|'${code}', '/`);
    return pattern.test(sources);
  });
  return new Set(expected.map(([code]) => code));
}

test('every code that can occur is produced by a test with its status', () => {
  const expected = codesExpected();
  const missing = Object.keys(HTTP_STATUS_BY_CODE).filter((code) => !expected.has(code));
  expect(missing.sort()).toEqual(CANNOT_OCCUR.sort());
});

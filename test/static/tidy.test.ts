/** The rules of the house, over every file of the tree; each rule is shown to catch an offence. */
import { describe, expect, it } from 'vitest';
import { listPaths, readSources } from './sourceFiles.ts';
import { MAX_FILE_LINES, MAX_FUNCTION_LINES, TIDY_RULES } from './tidyRules.ts';

const BODY = '  a += 1;\n'.repeat(MAX_FUNCTION_LINES + 1);

/** One offender a rule, in the order of the rules. */
const OFFENDERS: { path: string; text: string }[] = [
  { path: 'src/api/app.ts', text: 'a;\n'.repeat(MAX_FILE_LINES + 1) },
  { path: 'src/api/app.ts', text: `const a = '${'b'.repeat(100)}';\n` },
  { path: 'test/api/app.test.ts', text: `it('pays', () => {\n${BODY}});\n` },
  { path: 'README.md', text: `to be done: ${'TO' + 'DO'}\n` },
  { path: 'test/api/app.test.ts', text: `it.${'skip'}('pays', () => {});\n` },
  { path: 'src/api/utils.ts', text: '' },
  { path: 'src/api/app.ts', text: '/** See NOTHING.md for why. */\n' },
  { path: 'docs/api.md', text: `see /${'root'}/notes\n` },
  { path: 'src/api/app.ts', text: 'const left = Number(leg.amount);\n' },
  { path: 'src/ledger/hold.ts', text: 'export async function hold() {}\n' },
  { path: 'workflows/hold.ts', text: 'const seen = new Map<string, number>();\n' },
];

describe('the tree is tidy', () => {
  const sources = readSources(/^(?!LICENSE$)/);

  it('is looked at: there are files to check', () => {
    expect(sources.length).toBeGreaterThan(20);
  });

  it.each(TIDY_RULES)('$says', (rule) => {
    const offences = sources
      .filter(({ path }) => rule.appliesTo.test(path))
      .flatMap((file) => rule.find(file).map((offence) => `${file.path}: ${offence}`));
    expect(offences).toEqual([]);
  });
});

describe('each rule catches an offence', () => {
  it.each(TIDY_RULES.map((rule, at) => ({ ...rule, at })))('$says', (rule) => {
    const offender = OFFENDERS[rule.at]!;
    expect(rule.appliesTo.test(offender.path)).toBe(true);
    expect(rule.find(offender)).toHaveLength(1);
  });
});

describe('migrations', () => {
  const names = listPaths()
    .filter((path) => path.startsWith('migrations/'))
    .map((path) => path.slice('migrations/'.length));

  it('are named NNNN_verb_noun.sql', () => {
    expect(names.filter((name) => !/^\d{4}_[a-z]+(_[a-z0-9]+)+\.sql$/.test(name))).toEqual([]);
  });

  it.each([
    { range: 'the ledger', first: 1, last: 19 },
    { range: 'the chain', first: 20, last: 44 },
    { range: 'the policy of withdrawals', first: 45, last: 49 },
    { range: 'collections', first: 50, last: 54 },
    { range: 'hooks and custodians', first: 55, last: 59 },
    { range: 'reconciliation and what came after', first: 60, last: 74 },
    { range: 'webhooks', first: 75, last: 79 },
    { range: 'payouts to destinations', first: 80, last: 84 },
    { range: 'seals', first: 85, last: 89 },
    { range: 'acts', first: 90, last: 90 },
  ])('of $range are numbered without gaps', ({ first, last }) => {
    const numbers = names
      .map((name) => Number(name.slice(0, 4)))
      .filter((number) => number >= first && number <= last);
    expect(numbers).toEqual(numbers.map((_, at) => first + at));
  });

  it('have numbers that belong to a range', () => {
    const outside = names.filter((name) => {
      const number = Number(name.slice(0, 4));
      return !(number >= 1 && number <= 90);
    });
    expect(outside).toEqual([]);
  });
});

/** The rules of style that Biome enforces, each proved by a file that breaks it. */
import { describe, expect, it } from 'vitest';
import { lintProbes, type Offence } from './biomeProbe.ts';

const has = (offences: Offence[], file: string, rule: string) =>
  offences.some((offence) => offence.file === file && offence.rule === rule);

describe('Biome refuses', () => {
  it('default exports, but in the configuration of a tool', async () => {
    const text = 'export default { a: 1 };\n';
    const offences = await lintProbes({ 'src/ledger/hold.ts': text, 'some.config.ts': text });
    expect(has(offences, 'src/ledger/hold.ts', 'noDefaultExport')).toBe(true);
    expect(has(offences, 'some.config.ts', 'noDefaultExport')).toBe(false);
  });

  it('barrels, but the one that Temporal needs', async () => {
    const text = `export { a } from './a.ts';\nexport * from './b.ts';\n`;
    const refused = ['src/ledger/index.ts', 'activities/index.ts'];
    const files = [...refused, 'workflows/index.ts'];
    const offences = await lintProbes(Object.fromEntries(files.map((file) => [file, text])));
    for (const rule of ['noBarrelFile', 'noReExportAll']) {
      const barrels = offences.filter((offence) => offence.rule === rule);
      expect(new Set(barrels.map(({ file }) => file))).toEqual(new Set(refused));
    }
  });

  it('the console, but in dev, cli and bench', async () => {
    const text = `console.log('here');\n`;
    const files = [
      'src/api/app.ts',
      'workflows/a.ts',
      'src/dev/a.ts',
      'src/cli/a.ts',
      'bench/a.ts',
    ];
    const offences = await lintProbes(Object.fromEntries(files.map((file) => [file, text])));
    const talkers = offences.filter(({ rule }) => rule === 'noConsole').map(({ file }) => file);
    expect(talkers.sort()).toEqual(['src/api/app.ts', 'workflows/a.ts']);
  });

  it('files that import each other', async () => {
    const offences = await lintProbes({
      'src/ledger/a.ts': `import { b } from './b.ts';\nexport const a = () => b;\n`,
      'src/ledger/b.ts': `import { a } from './a.ts';\nexport const b = () => a;\n`,
    });
    expect(has(offences, 'src/ledger/a.ts', 'noImportCycles')).toBe(true);
  });

  it('a promise that nobody awaits', async () => {
    const offences = await lintProbes({
      'src/ledger/a.ts': [
        'async function pay(): Promise<void> {}',
        'export function go() {',
        '  pay();',
        '}',
      ].join('\n'),
    });
    expect(has(offences, 'src/ledger/a.ts', 'noFloatingPromises')).toBe(true);
  });

  it('a function of more than 70 lines', async () => {
    const body = (lines: number) =>
      `export function f() {\n  let a = 0;\n${'  a += 1;\n'.repeat(lines - 2)}  return a;\n}\n`;
    const offences = await lintProbes({
      'src/ledger/short.ts': body(68),
      'src/ledger/long.ts': body(71),
    });
    const long = offences.filter(({ rule }) => rule === 'noExcessiveLinesPerFunction');
    expect(long.map(({ file }) => file)).toEqual(['src/ledger/long.ts']);
  });

  it('a file of more than 300 lines', async () => {
    const text = (lines: number) =>
      Array.from({ length: lines }, (_, at) => `export const c${at} = ${at};\n`).join('');
    const offences = await lintProbes({ 'src/api/a.ts': text(300), 'src/api/b.ts': text(301) });
    const long = offences.filter(({ rule }) => rule === 'noExcessiveLinesPerFile');
    expect(long.map(({ file }) => file)).toEqual(['src/api/b.ts']);
  });

  it('tests that are skipped or that keep the others from running', async () => {
    const [skip, only] = ['skip', 'only'];
    const offences = await lintProbes({
      'test/a.test.ts': [
        `import { it } from 'vitest';`,
        `it.${skip}('a', () => {});`,
        `it.${only}('b', () => {});`,
      ].join('\n'),
    });
    expect(has(offences, 'test/a.test.ts', 'noSkippedTests')).toBe(true);
    expect(has(offences, 'test/a.test.ts', 'noFocusedTests')).toBe(true);
  });
});

/** The import rules of ARCHITECTURE.md, proved by files that break them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { lintProbes, type Offence } from './biomeProbe.ts';
import { ROOT } from './sourceFiles.ts';

/** A file of each zone, as seen from the repository's root. */
const FILE_OF = {
  contracts: 'src/contracts/ids.ts',
  config: 'src/config.ts',
  db: 'src/db/pool.ts',
  ledger: 'src/ledger/settle.ts',
  observability: 'src/observability/log.ts',
  chains: 'src/chains/port.ts',
  withdrawals: 'src/withdrawals/attempts.ts',
  collection: 'src/collection/collect.ts',
  watchers: 'src/watchers/watcher.ts',
  hooks: 'src/hooks/door.ts',
  custody: 'src/custody/advance.ts',
  webhooks: 'src/webhooks/dispatcher.ts',
  seals: 'src/seals/sealer.ts',
  temporal: 'src/temporal/gateway.ts',
  api: 'src/api/app.ts',
  main: 'src/main.ts',
  dev: 'src/dev/demo.ts',
  cli: 'src/cli/audit.ts',
  activities: 'activities/createActivities.ts',
  workflows: 'workflows/transfer.ts',
  bench: 'bench/ledger.ts',
  test: 'test/ledger/hold.ts',
} as const;
type Zone = keyof typeof FILE_OF;

const EVERY_ZONE = Object.keys(FILE_OF) as Zone[];
const TOP: Zone[] = ['main', 'dev', 'cli'];
const BUT_TOP = EVERY_ZONE.filter((zone) => !TOP.includes(zone));

/** Who may import whom, besides its own zone. Imports point inwards. */
const MAY_IMPORT: Record<Zone, readonly Zone[]> = {
  contracts: [],
  config: ['contracts'],
  db: ['contracts'],
  ledger: ['contracts', 'db'],
  observability: ['contracts', 'db', 'config'],
  chains: ['contracts', 'db', 'ledger', 'observability', 'config'],
  withdrawals: ['contracts', 'db', 'ledger', 'chains', 'observability', 'config'],
  collection: ['contracts', 'db', 'ledger', 'chains', 'withdrawals', 'observability', 'config'],
  watchers: [
    'contracts',
    'db',
    'ledger',
    'chains',
    'withdrawals',
    'temporal',
    'observability',
    'config',
  ],
  hooks: ['contracts', 'db', 'ledger', 'chains', 'watchers', 'observability', 'config'],
  custody: ['contracts', 'db', 'ledger', 'chains', 'observability', 'config'],
  webhooks: ['contracts', 'db', 'watchers', 'observability', 'config'],
  seals: ['contracts', 'db', 'ledger', 'watchers', 'observability', 'config'],
  temporal: ['contracts', 'db', 'ledger', 'activities', 'observability', 'config'],
  api: ['contracts', 'db', 'ledger', 'chains', 'observability', 'config'],
  activities: [
    'contracts',
    'db',
    'ledger',
    'chains',
    'withdrawals',
    'custody',
    'collection',
    'watchers',
    'observability',
  ],
  workflows: ['contracts', 'activities'],
  main: BUT_TOP,
  dev: EVERY_ZONE,
  cli: EVERY_ZONE,
  bench: EVERY_ZONE,
  test: EVERY_ZONE,
};

/** Packages that only some zones may name; every other package is free. */
const TOOLS: Zone[] = ['main', 'dev', 'cli', 'bench', 'test'];
const CHAIN_ZONES: Zone[] = ['chains', 'withdrawals', 'collection', 'watchers', ...TOOLS];
const PACKAGE_HOMES: Record<string, readonly Zone[]> = {
  pg: ['db'],
  'decimal.js': [],
  viem: CHAIN_ZONES,
  'viem/accounts': CHAIN_ZONES,
  '@temporalio/client': ['watchers', 'temporal', 'activities', ...TOOLS],
  '@temporalio/workflow': ['watchers', 'temporal', 'activities', 'workflows', ...TOOLS],
};

/** The text that imports `target` from `file`, relative as in real code. */
function specifier(file: string, target: string): string {
  const depth = file.split('/').length - 1;
  const [home] = file.split('/');
  if (home === 'src' && target.startsWith('src/')) {
    const rest = target.slice('src/'.length);
    return depth === 1 ? `./${rest}` : `${'../'.repeat(depth - 1)}${rest}`;
  }
  return `${'../'.repeat(depth)}${target}`;
}

/** One `import type` a line: line n + 1 names the n-th of the zones, then of the packages. */
function probeOf(zone: Zone, file: string = FILE_OF[zone]): string {
  const targets = [
    ...EVERY_ZONE.map((other) => specifier(file, FILE_OF[other])),
    ...Object.keys(PACKAGE_HOMES),
  ];
  return targets.map((target, at) => `import type { T${at} } from '${target}';\n`).join('');
}

/** What the probe of a zone was refused, by name. */
function refusedIn(file: string, offences: Offence[]): string[] {
  const names = [...EVERY_ZONE, ...Object.keys(PACKAGE_HOMES)];
  return offences
    .filter((offence) => offence.file === file && offence.rule === 'noRestrictedImports')
    .map((offence) => names[offence.line - 1] ?? `line ${offence.line}`)
    .sort();
}

function expectedRefusals(zone: Zone): string[] {
  const zones = EVERY_ZONE.filter((other) => other !== zone && !MAY_IMPORT[zone].includes(other));
  const packages = Object.keys(PACKAGE_HOMES).filter(
    (name) => !PACKAGE_HOMES[name]?.includes(zone),
  );
  return [...zones, ...packages].sort();
}

/** What CONTRIBUTING.md says of a folder, as a list; null where it has no row for it. */
function toldOf(folder: string): string[] | null {
  const page = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8');
  const row = page.split('\n').find((line) => line.startsWith(`| \`${folder}\` |`));
  const [list = ''] = row?.split('|')[2]?.split(';') ?? [];
  return row === undefined ? null : list.split(',').map((name) => name.trim());
}

describe('imports point inwards', () => {
  const nested = 'src/api/routes/transfers.ts';
  let offences: Offence[] = [];

  beforeAll(async () => {
    const probes = EVERY_ZONE.map((zone) => [FILE_OF[zone], probeOf(zone)] as const);
    const inRoutes = [
      `import type { A } from '../problem.ts';`,
      `import type { B } from '../../ledger/groups.ts';`,
      `import type { C } from '../../temporal/gateway.ts';`,
      `import type { D } from '../../main.ts';`,
      `import type { E } from '../../../workflows/transfer.ts';`,
    ].join('\n');
    offences = await lintProbes({
      ...Object.fromEntries(probes),
      [nested]: inRoutes,
      'src/contracts/amounts.ts': [
        `import { Decimal } from 'decimal.js';`,
        `import type { Amount } from './resources.ts';`,
        `import 'pg';`,
        `import 'viem';`,
        `import 'viem/accounts';`,
        `import '@temporalio/common';`,
        `import type { Config } from '../config.ts';`,
      ].join('\n'),
      'examples/pay.ts': [
        `import type { Api } from '../src/main.ts';`,
        `import type { Stack } from '../src/dev/stack/stack.ts';`,
        `import type { Cli } from '../src/cli/audit.ts';`,
        `import 'pg';`,
        `import 'decimal.js';`,
      ].join('\n'),
    });
  });

  it.each(EVERY_ZONE)('%s imports what its place allows and nothing else', (zone) => {
    const ownFile = refusedIn(FILE_OF[zone], offences).filter((name) => name !== zone);
    expect(ownFile).toEqual(expectedRefusals(zone));
  });

  it.each([
    { says: 'a nested folder keeps the rules of its zone', file: nested, refused: [3, 4, 5] },
    {
      says: 'the amounts alone import Decimal, and little else',
      file: 'src/contracts/amounts.ts',
      refused: [3, 4, 5, 6, 7],
    },
    {
      says: 'a folder that no rule names imports neither the top nor pg nor Decimal',
      file: 'examples/pay.ts',
      refused: [1, 2, 3, 4, 5],
    },
  ])('$says', ({ file, refused }) => {
    const lines = offences
      .filter((offence) => offence.file === file && offence.rule === 'noRestrictedImports')
      .map(({ line }) => line);
    expect(lines.sort()).toEqual(refused);
  });

  it('every folder of src has a place in these rules', () => {
    const folders = readdirSync(new URL('../../src', import.meta.url), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
    expect(folders.filter((name) => !(name in FILE_OF))).toEqual([]);
  });

  /** Folders of which the page has a plain list. */
  const listed = EVERY_ZONE.filter(
    (zone) => !['contracts', 'config', 'workflows', ...TOOLS].includes(zone),
  );
  it.each(listed)('%s may import what CONTRIBUTING.md says', (zone) => {
    const folder = FILE_OF[zone].slice(0, FILE_OF[zone].indexOf(zone) + zone.length);
    expect(toldOf(folder)?.toSorted()).toEqual(MAY_IMPORT[zone].toSorted());
  });
});

describe('what activities lend to workflows', () => {
  it('is their types alone', async () => {
    const offences = await lintProbes({
      'workflows/deposit.ts': [
        `import type { Activities } from '../activities/index.ts';`,
        `import { createActivities } from '../activities/index.ts';`,
        `import * as all from '../activities/index.ts';`,
        `import '../activities/index.ts';`,
        `export { createActivities as again } from '../activities/index.ts';`,
        `export const late = import('../activities/index.ts');`,
        `import { Pool } from 'pg';`,
        `import { readFileSync } from 'node:fs';`,
      ].join('\n'),
    });
    const lines = new Set(
      offences
        .filter(({ rule }) => rule === 'plugin' || rule === 'noRestrictedImports')
        .map(({ line }) => line),
    );
    expect([...lines].sort()).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });
});

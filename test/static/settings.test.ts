/** Every variable that the service reads is explained, and reaches it through the compose file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { RANGES } from '../../src/contracts/environment.ts';
import { ROOT } from './sourceFiles.ts';

/** Some variables are read only where another one is set. */
const ENV: NodeJS.ProcessEnv = {
  DATABASE_URL: 'postgres://d',
  TEMPORAL_ADDRESS: 't',
  HOLDFAST_ADMIN_KEY: 'k',
  CHAIN_PAYOUT_CONTRACT: `0x${'1'.repeat(40)}`,
  RISK_URL: 'http://risk',
  RISK_SECRET: 'a secret of letters',
  SIGNER_URL: 'http://signer',
  SIGNER_TOKEN: 't',
  HOLDFAST_DEV_MNEMONIC: `${'test '.repeat(11)}junk`,
};

function variablesRead(): string[] {
  const read = new Set<string>();
  const get = (env: NodeJS.ProcessEnv, name: string) => {
    read.add(name);
    return env[name];
  };
  readConfig(new Proxy(ENV, { get }));
  return [...read].sort();
}

const read = variablesRead();
const lines = readFileSync(join(ROOT, 'docs/settings.md'), 'utf8').split('\n');
const rowOf = (name: string) => lines.find((line) => line.startsWith(`| \`${name}\` |`));

it('are told from what readConfig asks for', () => {
  expect(read.length).toBeGreaterThan(30);
  expect(read).toContain('WITHDRAWAL_BATCH_SIZE');
});

it.each(read)('%s stands in docs/settings.md', (name) => {
  expect(rowOf(name)).toBeDefined();
});

it.each(Object.entries(RANGES))('the range of %s stands there too', (name, [least, most]) => {
  expect(rowOf(name)).toContain(`${least} to ${most}`);
});

/** Of each variable that has one, the default as the page has it: a number, or words in ticks. */
const defaults = read.flatMap((name) => {
  const [, told] = /^\| `\w+` \| (`[^`]+`|[\d.]+) \|/.exec(rowOf(name) ?? '') ?? [];
  return told === undefined ? [] : [{ name, told: told.replaceAll('`', '') }];
});

it('have defaults that can be compared', () => {
  expect(defaults.length).toBeGreaterThan(15);
});

it.each(defaults)('$name is $told where it is not set', ({ name, told }) => {
  expect(readConfig({ ...ENV, [name]: told })).toEqual(readConfig(ENV));
});

it('explains no variable that nothing reads', () => {
  const told = lines.flatMap((line) => /^\| `([A-Z_]+)` \|/.exec(line)?.[1] ?? []);
  expect(told.filter((name) => !read.includes(name))).toEqual([]);
});

/** The key that may do everything is where requests are answered, and nowhere else. */
it.each([
  ['api', []],
  ['worker', ['HOLDFAST_ADMIN_KEY']],
  ['watcher', ['HOLDFAST_ADMIN_KEY']],
])('all reach the service %s of the compose file, but %j', (name, missing) => {
  const { services } = parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), {
    merge: true,
  });
  expect(read.filter((variable) => !(variable in services[name].environment))).toEqual(missing);
});

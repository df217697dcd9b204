/** What the environment may say: what cannot be is refused by name, and nothing is guessed. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { warnOfShortKey } from '../../src/api/keyring.ts';
import { readConfig } from '../../src/config.ts';
import { RANGES } from '../../src/contracts/environment.ts';
import { migrate } from '../../src/db/migrate.ts';
import { serverFault } from '../../src/db/serverFault.ts';
import { createLog } from '../../src/observability/log.ts';
import { readCodecKeys } from '../../src/temporal/codec.ts';
import { hotWalletAddress } from '../../src/withdrawals/developmentKeys.ts';
import { execute, openPool, withDatabase } from '../support/templateDatabase.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const SECRET = 'not-to-be-told';
const GOOD = {
  DATABASE_URL: `postgres://someone:${SECRET}@127.0.0.1:5432/books`,
  TEMPORAL_ADDRESS: '127.0.0.1:7233',
  HOLDFAST_ADMIN_KEY: SECRET,
  CHAIN_PAYOUT_CONTRACT: `0x${'1'.repeat(40)}`,
};
const XPUB =
  'xpub6Ce9NcJvTk372KjsGfWqbcex5DumjpNquQLApoeQUavSCjEc823BV1tb' +
  '4rXUuPuht8h2hSxkg2EXUaKUJmniJvRZAELxypsCzBFdtosmV76';

const refused = (env: NodeJS.ProcessEnv) => expect(() => readConfig({ ...GOOD, ...env }));

describe('a number', () => {
  it.each(Object.entries(RANGES))('%s is taken from its least to its most', (name, range) => {
    for (const value of range) {
      expect(() => readConfig({ ...GOOD, [name]: String(value) })).not.toThrow();
    }
    const [least, most] = range;
    for (const value of [least - 1, most + 1, '1e3', ' ', '0x10', `${least}.5`, 10n ** 30n]) {
      refused({ [name]: String(value) }).toThrow(`${name} must be a whole number from ${least} to`);
    }
  });
});

describe('a word', () => {
  it.each([
    ['DATABASE_URL', ['nonsense', ' ', 'mysql://a:b@c/d', `postgres://u:${SECRET}#x@127.0.0.1/d`]],
    ['TEMPORAL_ADDRESS', ['http://127.0.0.1:7233', ' ', '127.0.0.1:7233/x']],
    ['TEMPORAL_UI_URL', ['nonsense', '127.0.0.1:8080']],
    ['HOLDFAST_ADMIN_KEY', [' ', 'a b', 'schl\u00fcssel']],
    ['CHAIN_RPC_URL', ['OFF', 'off ', 'nonsense', 'ws://127.0.0.1:8545']],
    ['CHAIN_START_BLOCK', ['-1', '1e3', '9'.repeat(23)]],
    ['LOG_LEVEL', ['INFO', 'verbose']],
    ['HOST', [' ', 'two words']],
    ['HOLDFAST_DEV_MNEMONIC', [' ', 'too few words']],
    ['HOLDFAST_DEPOSIT_XPUB', [' ', XPUB.slice(1), `${XPUB}6`]],
    ['SIGNER_URL', ['http://', 'signer:9000']],
  ])('%s is refused by its name where it cannot be', (name, values) => {
    for (const value of values) refused({ [name]: value }).toThrow(`${name} must be `);
  });

  it('is as good as none where it is empty', () => {
    const empty = Object.fromEntries(Object.keys(RANGES).map((name) => [name, '']));
    const others = { LOG_LEVEL: '', HOST: '', CHAIN_RPC_URL: '', HOLDFAST_DEPOSIT_XPUB: '' };
    expect(readConfig({ ...GOOD, ...empty, ...others })).toEqual(readConfig(GOOD));
  });

  it('may be what a real deployment has', () => {
    const env = {
      DATABASE_URL: 'postgresql:///books?host=/var/run/postgresql',
      TEMPORAL_ADDRESS: '[::1]:7233',
      CHAIN_RPC_URL: 'https://node.example/v3/key',
      HOLDFAST_DEPOSIT_XPUB: XPUB,
    };
    expect(readConfig({ ...GOOD, ...env }).depositXpub).toBe(XPUB);
  });

  it('may be a database at a socket, with a user', async () => {
    const socket = 'postgres://someone:word@/books?host=/no/such/folder';
    const encoded = socket.replace('host=/no/', 'host=%2Fno%2F');
    const small = encoded.replaceAll('%2F', '%2f');
    const others = [socket.replace(':word', '').replace('?', '?a=b&'), encoded, small];
    for (const DATABASE_URL of [socket, ...others]) {
      expect(readConfig({ ...GOOD, DATABASE_URL }).databaseUrl).toBe(DATABASE_URL);
      await expect(migrate(DATABASE_URL)).rejects.toThrow('/no/such/folder');
    }
    // A password with such letters, which the driver would read as a host of another name.
    const passwords = ['postgres://u:@/w@h/d', 'postgres://u:@/w?@h/d'];
    // The driver knows parameters in small letters alone, and would look elsewhere.
    for (const wrong of [...passwords, 'postgres://u:p@/d', 'postgres://u:p@/d?HOST=/x']) {
      refused({ DATABASE_URL: wrong }).toThrow('DATABASE_URL must be ');
    }
  });
});

it('tells no secret of what it refuses', () => {
  const env = { DATABASE_URL: `x:${SECRET}`, HOLDFAST_ADMIN_KEY: `${SECRET} ` };
  refused({ ...env, HOLDFAST_DEV_MNEMONIC: SECRET }).toThrow(/DATABASE_URL.*ADMIN_KEY/);
  refused(env).not.toThrow(SECRET);
  const key = randomBytes(32).toString('base64');
  expect(() => readCodecKeys(key)).toThrow('TEMPORAL_CODEC_KEYS: number 1 is not one key');
  expect(() => readCodecKeys(`a:${key},${key}:b`)).toThrow('number 2');
  expect(() => readCodecKeys(key)).not.toThrow(key);
  const words = `${'abandon '.repeat(11)}abandon`;
  expect(() => hotWalletAddress(words)).toThrow('HOLDFAST_DEV_MNEMONIC is no mnemonic');
});

it('wants the key with every scope where the API is, and nowhere else', () => {
  const none = { HOLDFAST_ADMIN_KEY: '' };
  refused(none).toThrow('HOLDFAST_ADMIN_KEY is not set');
  refused({ ...none, HOLDFAST_ROLES: 'worker, api' }).toThrow('HOLDFAST_ADMIN_KEY is not set');
  refused({ HOLDFAST_ADMIN_KEY: 'a b', HOLDFAST_ROLES: 'worker' }).toThrow('HOLDFAST_ADMIN_KEY');
  const config = readConfig({ ...GOOD, ...none, HOLDFAST_ROLES: 'worker,watcher' });
  expect(config.adminKey).toBe('');
});

it('warns of a key with every scope that is short, and does not tell it', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: (line) => lines.push(line) });
  warnOfShortKey('admin', log);
  warnOfShortKey('a'.repeat(16), log);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 'warn', characters: 5 }]);
  expect(lines.join()).not.toContain('"admin"');
});

it('refuses a secret whose base64 says less than it is long', () => {
  const env = { RISK_URL: 'https://risk.example' };
  for (const RISK_SECRET of ['whsec_!!!!!!!!!!!!!!!!', 'whsec_c2hvcnRlcg==', 'fifteen letters']) {
    refused({ ...env, RISK_SECRET }).toThrow('RISK_SECRET must have at least 16');
  }
  const RISK_SECRET = `whsec_${'A'.repeat(22)}`;
  expect(readConfig({ ...GOOD, ...env, RISK_SECRET }).risk).toMatchObject({ secret: RISK_SECRET });
});

describe('an address with a password in it', () => {
  const url = `https://someone:${SECRET}@service.example`;
  const named = (name: string, value: object) => ({ [name]: JSON.stringify({ a: value }) });
  const token = SECRET.repeat(2);

  it.each([
    ['TEMPORAL_UI_URL', { TEMPORAL_UI_URL: url }],
    ['RISK_URL', { RISK_URL: url, RISK_SECRET: token }],
    ['SIGNER_URL', { SIGNER_URL: url, SIGNER_TOKEN: token, HOLDFAST_DEPOSIT_XPUB: XPUB }],
    ['WEBHOOKS', named('WEBHOOKS', { url, secrets: [`whsec_${'A'.repeat(32)}`] })],
    ['CUSTODIANS', named('CUSTODIANS', { url, token, assets: {} })],
    ['CHAIN_HOOKS', named('CHAIN_HOOKS', { kind: 'fireblocks', jwksUrl: url })],
  ])('is refused for %s, where it would never work and be told in the log', (name, env) => {
    const fault = new RegExp(`${name}.* must be an https?.* address without a user or password`);
    refused(env).toThrow(fault);
    refused(env).not.toThrow(SECRET);
  });

  it('is taken of a node, which is asked with them in a header', () => {
    expect(readConfig({ ...GOOD, CHAIN_RPC_URL: url }).chainRpcUrl).toBe(url);
  });
});

it('tells a database that refuses from one that does not answer', async () => {
  const url = new URL((await createTestDatabase()).url);
  await expect(migrate('postgres://u:p@127.0.0.1:1/d')).rejects.toThrow('does not answer');
  url.pathname = '/no_such_database';
  await expect(migrate(url.href)).rejects.toThrow(/answers and refuses .*no_such_database/);
});

it.each([
  ['15.18 (Debian 15.18-0+deb12u1)', 'Postgres 15.18 (Debian 15.18-0+deb12u1) is too old'],
  ['9.6.24', 'Postgres 9.6.24 is too old'],
])('tells a server that is too old by its version: %s', (version, words) => {
  const fit = { encoding: 'UTF8', marked: true, replicationRole: 'origin' };
  const safe = { fsync: 'on', fullPages: 'on', expendable: false };
  const good = { ...fit, ...safe, version: '18.4' };
  expect(serverFault({ ...good, version })).toMatch(words);
  expect(serverFault(good)).toBeNull();
});

it('writes nothing into a database that cannot hold every text', async () => {
  const { url } = await createTestDatabase();
  const name = `latin_${randomBytes(4).toString('hex')}`;
  await execute(url, `create database ${name} encoding 'LATIN1' locale 'C' template template0`);
  try {
    const latin = withDatabase(url, name);
    await expect(migrate(latin)).rejects.toThrow('The database is encoded in LATIN1');
    const pool = openPool(latin, 1);
    const { rows } = await pool.query("select from pg_tables where schemaname = 'public'");
    await pool.end();
    expect(rows).toEqual([]);
  } finally {
    await execute(url, `drop database ${name}`);
  }
});

/** `holdfast seals export` and `holdfast seals verify` as a person types them. */
import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createWorld } from '../ledger/ledgerWorld.ts';
import { idsOf, pay, sealUntil, tamper } from '../seals/sealWorld.ts';
import type { TestDatabase } from '../support/testDatabase.ts';

/** Each call starts a process, and a busy machine takes seconds for one. */
const PATIENCE = { timeout: 120_000 };

const HOLDFAST = fileURLToPath(new URL('../../src/cli/holdfast.ts', import.meta.url));

let world: TestDatabase;
let folder: string;

const seals = (args: string[], more: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [HOLDFAST, 'seals', ...args], {
    env: { ...process.env, DATABASE_URL: world.url, SEAL_SIGNING_KEY: '', ...more },
    encoding: 'utf8',
  });

/** Writes a file and returns its path. */
function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A pair of keys as files. */
function keys(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    publicKey,
    privateFile: file(`${name}.pem`, String(privateKey.export({ type: 'pkcs8', format: 'pem' }))),
    publicFile: file(`${name}.pub`, String(publicKey.export({ type: 'spki', format: 'pem' }))),
    pem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

beforeAll(async () => {
  world = await createWorld();
  folder = mkdtempSync(join(tmpdir(), 'holdfast-seals-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('exports no head and verifies nothing before anything is sealed', PATIENCE, () => {
  const exported = seals(['export']);
  expect([exported.status, exported.stdout]).toEqual([1, '']);
  expect(exported.stderr).toMatch(/^Nothing is sealed yet/);
  const verified = seals(['verify']);
  expect([verified.status, verified.stdout]).toEqual([0, expect.stringMatching(/^Nothing is se/)]);
});

it('exports a head unsigned, and says so', PATIENCE, async () => {
  await pay(world.pool);
  await sealUntil(world.pool);
  const { status, stdout, stderr } = seals(['export']);
  expect(status).toBe(0);
  expect(stderr).toMatch(/^The head is not signed: SEAL_SIGNING_KEY is not set/);
  expect(JSON.parse(stdout)).toEqual({
    format: 'holdfast-head-1',
    number: expect.any(Number),
    hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    entries: 8,
    sealedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    signature: null,
  });
  const head = file('unsigned.json', stdout);
  expect(seals(['verify', '--head', head]).stdout).toMatch(/The head is on the chain/);
  const demanding = seals(['verify', '--head', head, '--public-key', keys('any').publicFile]);
  expect([demanding.status, demanding.stdout]).toEqual([1, expect.stringMatching(/is not signed/)]);
});

it('signs a head so that any program can check it by the format in words', PATIENCE, () => {
  const { publicKey, privateFile, pem } = keys('own');
  const { status, stdout, stderr } = seals(['export'], { SEAL_SIGNING_KEY: privateFile });
  expect([status, stderr]).toEqual([0, '']);
  const head = JSON.parse(stdout);
  const field = (text: string) => `${Buffer.byteLength(text)}:${text},`;
  const { format, number, hash, entries, sealedAt, signature } = head;
  const bytes = [format, `${number}`, hash, `${entries}`, sealedAt].map(field).join('');
  expect(signature).toMatchObject({ algorithm: 'Ed25519' });
  const value = Buffer.from(signature.value, 'base64');
  expect(verify(null, Buffer.from(bytes), publicKey, value)).toBe(true);
  expect(seals(['export'], { SEAL_SIGNING_KEY: pem }).stdout).toBe(stdout);
});

it('verifies by the public key that the head is what was signed', PATIENCE, () => {
  const [own, other] = [keys('own'), keys('other')];
  const { stdout } = seals(['export'], { SEAL_SIGNING_KEY: own.privateFile });
  const head = file('head.json', stdout);
  const verified = seals(['verify', '--head', head, '--public-key', own.publicFile]);
  expect(verified.stdout).toMatch(
    /^\d+ seals over 8 entries: each entry is as it was sealed\. The last hash is [0-9a-f]{64}\./,
  );
  expect(verified.stdout).toMatch(/\n7 wallets and 2 groups follow from the entries\.\n/);
  expect(verified.stdout).not.toMatch(/No signature/);
  expect(verified.status).toBe(0);

  const byOther = seals(['verify', '--head', head, '--public-key', other.publicFile]);
  expect([byOther.status, byOther.stdout]).toEqual([
    1,
    expect.stringMatching(/head\.json was changed, or was signed with another key/),
  ]);
  const changed = file('changed.json', stdout.replace('"entries": 8', '"entries": 9'));
  const byOwn = seals(['verify', '--head', changed, '--public-key', own.publicFile]);
  expect([byOwn.status, byOwn.stdout]).toEqual([1, expect.stringMatching(/was changed, or was/)]);
});

it(
  'names the entry, the wallet and the group that do not fit, and ends with 1',
  PATIENCE,
  async () => {
    const group = await pay(world.pool, '3');
    await sealUntil(world.pool);
    const [id] = await idsOf(world.pool, group);
    await tamper(
      world.owner,
      'ledger_entries',
      `update ledger_entries set amount = amount * 2 where id = ${id}`,
    );
    const { status, stdout } = seals(['verify']);
    expect(stdout).toMatch(
      new RegExp(`^Entry ${id} \\(HOLD of leg 1 of ${group}, .*changed later`),
    );
    expect(stdout).toMatch(/\nWallet w-\d+: entry \d+ is version/);
    expect(stdout).toMatch(new RegExp(`\\nGroup ${group}: leg 1: `));
    expect(stdout).toMatch(/\nNot all is as it was sealed/);
    expect(status).toBe(1);
    const alone = seals(['verify', '--no-balances', '--json']);
    const report = JSON.parse(alone.stdout);
    expect([alone.status, report.ok, report.balances]).toEqual([1, false, null]);
    expect(report.seals.faults).toHaveLength(1);
  },
);

it.each([
  [['verify', '--what'], /--what/],
  [['verify', '--head', 'nowhere.json'], /nowhere\.json is no head of seals/],
  [['verify', '--public-key', 'x'], /--public-key goes with --head/],
])('refuses %j in words, with 2', (args, words) => {
  const { status, stderr } = seals(args);
  expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
});

it('refuses a key that is none, without telling what stands there', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const secret = `-----BEGIN ${createHash('sha256').update('x').digest('hex')}`;
  const none = seals(['export'], { SEAL_SIGNING_KEY: secret });
  expect([none.status, none.stderr]).toEqual([
    2,
    expect.stringMatching(/^SEAL_SIGNING_KEY is neither a private key in PEM nor a file/),
  ]);
  expect(none.stderr).not.toContain(secret);
  const pem = String(ec.export({ type: 'pkcs8', format: 'pem' }));
  expect(seals(['export'], { SEAL_SIGNING_KEY: pem }).stderr).toMatch(/a key of ec, and Ed25519/);
});

it('says with 2 that the database does not answer', () => {
  const { status, stderr } = seals(['verify'], { DATABASE_URL: 'postgresql://127.0.0.1:9/none' });
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^It could not be verified: /)]);
});

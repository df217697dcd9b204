/** `holdfast` as a person starts it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { rpcUrl } from '../support/testServers.ts';

const HOLDFAST = fileURLToPath(new URL('../../src/cli/holdfast.ts', import.meta.url));

function start(...args: string[]) {
  return spawn(process.execPath, [HOLDFAST, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs to the end. */
async function run(...args: string[]) {
  const child = start(...args);
  const out = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      out[stream] += text;
    });
  }
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, ...out };
}

describe('holdfast', () => {
  it('lists its commands, and says more of each', async () => {
    expect(await run('--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('chain proxy'),
    });
    expect(await run('chain', 'proxy', '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('dropAfter'),
    });
    expect(await run('no', 'such')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('chain proxy'),
    });
  });

  it.each([
    [['--bogus'], /--bogus/],
    [[], /--upstream/],
    [['--upstream', 'http://127.0.0.1:1', '--seed', 'x'], /--seed takes a whole number/],
    [['--upstream', 'http://127.0.0.1:1', '--fault', '{"kind": "delay"}'], /milliseconds/],
  ])('refuses chain proxy %j in words', async (args, words) => {
    const { code, stderr } = await run('chain', 'proxy', ...args);
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/--help says more/);
  });

  it('runs a proxy until it is told to stop, and names the calls that a fault struck', async () => {
    const fault = { kind: 'answer', methods: ['eth_chainId'], result: '0x2' };
    const upstream = ['--upstream', await rpcUrl()];
    const child = start('chain', 'proxy', ...upstream, '--fault', JSON.stringify(fault));
    const closed = new Promise((resolve) => child.once('close', resolve));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const ready = (await lines.next()).value as string;
    const { rpc } = JSON.parse(ready.replace('ready ', '')) as { rpc: string };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
    const answer = await fetch(rpc, { method: 'POST', body });
    expect(await answer.json()).toMatchObject({ result: '0x2' });
    expect((await lines.next()).value).toBe('eth_chainId: answer');
    child.kill('SIGTERM');
    expect(await closed).toBe(0);
  });
});

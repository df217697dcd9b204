import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CLONE } from '../../src/dev/stack/places.ts';
import { processesWith, until } from './processes.ts';

const DEMO_TIMEOUT_MS = 120_000;

test(
  'npm run demo shows its stories, exits with 0 and leaves nothing behind',
  async () => {
    // A temp directory of its own shows what stays behind, in files and in processes.
    const temp = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
    chmodSync(temp, 0o711);
    const npm = spawn('npm', ['run', 'demo'], {
      cwd: CLONE,
      env: {
        ...process.env,
        TMPDIR: temp,
        DATABASE_URL: '',
        TEMPORAL_ADDRESS: '',
        CHAIN_RPC_URL: '',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: string[] = [];
    for (const stream of [npm.stdout, npm.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
    }
    const code = await new Promise((resolve) => npm.once('close', resolve));
    const output = chunks.join('');
    expect(output).toContain('Yes: every asset sums to zero');
    expect(code).toBe(0);
    for (const line of [
      'alice: 0 ETH available, 1.5 pending, 0 held',
      'alice: 1.5 ETH available, 0 pending, 0 held',
      'bob: 0.4 ETH available, 0 pending, 0 held',
      'bob: 0.15 ETH available, 0 pending, 0.25 held',
      'reason EXPIRED, and alice has it back:\nalice: 1.1 ETH available, 0 pending, 0 held',
    ]) {
      expect(output).toContain(line);
    }
    await until('all processes are gone', () => processesWith(temp).length === 0);
    expect(readdirSync(temp).filter((name) => name.startsWith('holdfast-'))).toEqual([]);
    rmSync(temp, { recursive: true });
  },
  DEMO_TIMEOUT_MS,
);

/**
 * Our services of docker-compose.yml, each by its exact command and variables but outside of a
 * container: only the addresses of its neighbours and its port are other ones.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CLONE } from '../../src/dev/stack/places.ts';
import { freePort } from '../../src/dev/stack/ports.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';
import { BARE_ENV, until } from './processes.ts';

interface Service {
  image: string;
  command: string[];
  environment: Record<string, string | number>;
  healthcheck: { test: string[] };
}

const run = promisify(execFile);
const START_TIMEOUT_MS = 60_000;
/** As `docker stop` would wait; longer than the worker's own grace. */
const STOP_TIMEOUT_MS = 45_000;

const file = readFileSync(`${CLONE}/docker-compose.yml`, 'utf8');
const services: Record<string, Service> = parse(file, { merge: true }).services;
const ours = Object.entries(services).filter(([, { image }]) => image.startsWith('holdfast:'));

/** The variables as compose would fill them in: a default where one is named, else a secret. */
function filledIn(environment: Service['environment']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      String(value)
        .replace(/\$\{\w+:-([^}]*)\}/g, '$1')
        .replace(/\$\{\w+:\?[^}]*\}/g, 'a-secret-of-the-test-0123456789abcdef'),
    ]),
  );
}

interface Running {
  child: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

function start(service: Service, neighbours: Record<string, string>): Running {
  const [command = '', ...args] = service.command;
  const child = spawn(command, args, {
    cwd: CLONE,
    // Nothing else: what the service needs and the file does not name shows here.
    env: { ...BARE_ENV, ...filledIn(service.environment), ...neighbours },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, output: () => chunks.join(''), ended };
}

/** The container's own health check, on the port that this process was given. */
async function isHealthy(service: Service, port: number): Promise<boolean> {
  const [, command = '', ...args] = service.healthcheck.test;
  const here = args.map((word) => word.replaceAll(':3000/', `:${port}/`));
  try {
    await run(command, here);
    return true;
  } catch {
    return false;
  }
}

describe('a service of docker-compose.yml', () => {
  it.each(ours)(
    '%s becomes healthy by its own check, and ends when it is told to',
    async (_, service) => {
      const port = await freePort();
      const running = start(service, {
        DATABASE_URL: (await createTestDatabase()).url,
        TEMPORAL_ADDRESS: await temporalAddress(),
        TEMPORAL_NAMESPACE: await temporalNamespace(),
        PORT: String(port),
      });
      try {
        const healthy = until('the health check', () => isHealthy(service, port), START_TIMEOUT_MS);
        const died = running.ended.then(() => expect.fail(`It ended:\n${running.output()}`));
        await Promise.race([healthy, died]);
      } finally {
        running.child.kill('SIGTERM');
        setTimeout(() => running.child.kill('SIGKILL'), STOP_TIMEOUT_MS).unref();
      }
      expect(await running.ended, running.output()).toBe(0);
    },
    120_000,
  );
});

describe('a script of the compose file', () => {
  it.each(['createSchema.sh', 'createNamespace.sh'])(
    '%s is one that a shell reads',
    async (name) => {
      await run('sh', ['-n', `${CLONE}/deploy/temporal/${name}`]);
    },
  );
});

/**
 * No container engine runs where these tests do, so the file is held against the compose schema (it
 * comes with dclint) and against the tree: every file it mounts, every variable, every command.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT, readSources } from './sourceFiles.ts';

interface Service {
  image: string;
  command?: string[];
  entrypoint?: string[];
  environment?: Record<string, string | number>;
  volumes?: string[];
  ports?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  restart?: string;
  logging?: { driver: string };
}

const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8');
const compose: { services: Record<string, Service>; volumes: Record<string, unknown> } = parse(
  text,
  { merge: true },
);
const services = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith('holdfast:'));

/** Rules of the linter about correctness; the order of keys is ours to choose. */
const LINT_RULES: ConstructorParameters<typeof DCLinter>[0]['rules'] = {
  'no-build-and-image': 0,
  'no-duplicate-container-names': 2,
  'no-duplicate-exported-ports': 2,
  'no-quotes-in-volumes': 0,
  'no-unbound-port-interfaces': 2,
  'no-version-field': 2,
  'require-project-name-field': 2,
  'require-quotes-in-ports': [2, { quoteType: 'double' }],
  'service-container-name-regex': 2,
  'service-dependencies-alphabetical-order': 0,
  'service-image-require-explicit-tag': 2,
  'service-keys-order': 0,
  'service-ports-alphabetical-order': 0,
  'services-alphabetical-order': 0,
  'top-level-properties-order': 0,
};

/** What the linter says of a file; its own types do not resolve under `nodenext`. */
interface LintedFile {
  messages: { line: number; rule: string; message: string }[];
}

function lint(path: string): string[] {
  const linter = new DCLinter({ rules: LINT_RULES, quiet: false, debug: false, exclude: [] });
  const files: LintedFile[] = linter.lintFiles([join(ROOT, path)], false);
  return files.flatMap(({ messages }) =>
    messages.map(({ line, rule, message }) => `${line} ${rule} ${message}`),
  );
}

describe('docker-compose.yml', () => {
  it('fits the compose schema and the linter', () => {
    expect(lint('docker-compose.yml')).toEqual([]);
  });

  it('is read by a linter that refuses what the schema does not know', () => {
    expect(lint('test/static/fixtures/badCompose.yml').join('\n')).toMatch(/invalid-schema/);
  });

  it('has Postgres, Temporal with its UI, API, worker and watcher', () => {
    const wanted = ['postgres', 'temporal', 'temporal-ui', 'api', 'worker', 'watcher'];
    expect(wanted.filter((name) => !(name in compose.services))).toEqual([]);
  });

  it.each(services)('%s: image has a full version', (_name, { image }) => {
    expect(image).toMatch(/^[\w./-]+:\d+\.\d+(\.\d+)?$/);
  });

  it.each(services)('%s: waits only for services that can become ready', (_name, service) => {
    for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
      const needed = compose.services[name];
      expect(needed, `${name} is not a service`).toBeDefined();
      if (condition === 'service_healthy') expect(needed?.healthcheck).toBeDefined();
    }
  });

  it.each(services)('%s: what it mounts is there', (_name, service) => {
    const sources = (service.volumes ?? []).map((volume) => volume.split(':')[0] ?? '');
    const missing = sources.filter((source) =>
      source.startsWith('./') ? !existsSync(join(ROOT, source)) : !(source in compose.volumes),
    );
    expect(missing).toEqual([]);
  });

  it('keeps no log that fills the disk, of whatever stays up', () => {
    const staying = services.filter(([, { restart }]) => restart === 'unless-stopped');
    expect(staying.length).toBeGreaterThan(ours.length);
    // The driver that rotates by itself.
    expect(staying.filter(([, { logging }]) => logging?.driver !== 'local')).toEqual([]);
  });

  it.each(services)('%s: is published on the loopback alone', (_name, service) => {
    expect((service.ports ?? []).filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  it('has a UI that starts no sagas', () => {
    const { environment } = compose.services['temporal-ui'] ?? {};
    expect(environment?.TEMPORAL_START_WORKFLOW_DISABLED).toBe('true');
  });

  it('takes every secret from the env file and holds none', () => {
    const named = new Set([...text.matchAll(/\$\{(\w+)[:}?-]/g)].map(([, name]) => name ?? ''));
    const example = readFileSync(join(ROOT, '.env.example'), 'utf8');
    const offered = [...example.matchAll(/^(\w+)=/gm)].map(([, name]) => name ?? '');
    expect([...named].sort()).toEqual(offered.sort());
    for (const [, service] of services) {
      for (const [name, value] of Object.entries(service.environment ?? {})) {
        if (/PASSWORD|PWD|KEY|MNEMONIC|TOKEN|SECRET/.test(name))
          expect(String(value)).toMatch(/^\$\{\w+:[?-]/);
      }
    }
  });
});

describe('our own services', () => {
  it('are one image in three roles', () => {
    expect(ours.map(([name]) => name)).toEqual(['api', 'worker', 'watcher']);
    expect(new Set(ours.map(([, { image }]) => image)).size).toBe(1);
    const version = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
    expect(ours[0]?.[1].image).toBe(`holdfast:${version}`);
  });

  it.each(ours)('%s: runs a file that the image holds', (_name, { command }) => {
    expect(command?.[0]).toBe('node');
    const script = command?.[1] ?? '';
    expect(existsSync(join(ROOT, script))).toBe(true);
    expect(copiedFolders()).toContain(script.split('/')[0]);
  });

  it.each(ours)('%s: every variable is one that the code reads', (_name, { environment }) => {
    const code = readSources(/^src\/.*\.ts$/)
      .map((file) => file.text)
      .join('\n');
    const unread = Object.keys(environment ?? {}).filter((name) => !code.includes(name));
    expect(unread).toEqual([]);
  });

  it.each(ours)('%s: says whether it is alive', (_name, { healthcheck }) => {
    expect(healthcheck?.test.join(' ')).toContain('/health/');
  });
});

describe('Dockerfile', () => {
  const lines = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').split('\n');

  it('runs the Node that the tests run', () => {
    const { node } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).devDependencies;
    const images = lines.filter((line) => line.startsWith('FROM '));
    expect(images.length).toBeGreaterThan(0);
    expect(images.filter((line) => !line.startsWith(`FROM node:${node}-`))).toEqual([]);
  });

  it('runs as another user than root, in exec form', () => {
    expect(lines).toContain('USER node');
    const forms = lines.filter((line) => /^(CMD|RUN|ENTRYPOINT)\b/.test(line));
    expect(forms.filter((line) => !/^\w+ \[".*"\]$/.test(line))).toEqual([]);
  });

  it('copies what is there and what .dockerignore lets through', () => {
    const ignore = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    const copied = copiedFolders();
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
    expect(copied.filter((path) => !ignore.includes(`!${path}`))).toEqual([]);
  });

  it('leaves the development tools out', () => {
    expect(lines.some((line) => line.includes('"--omit=dev"'))).toBe(true);
    expect(readFileSync(join(ROOT, '.dockerignore'), 'utf8')).toMatch(/^src\/dev$/m);
  });
});

/** What the Dockerfile copies from the tree. */
function copiedFolders(): string[] {
  const copies = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^COPY (?!--)(.+) \S+$/gm);
  return [...copies].flatMap(([, sources]) => (sources ?? '').split(' '));
}

/** The documents speak of what is there: links and paths lead somewhere, commands exist. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listPaths, ROOT, readSources } from './sourceFiles.ts';

const documents = readSources(/\.md$/);
const scripts: Record<string, string> = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
).scripts;

/** Headings of a document as GitHub's anchors. */
function anchorsOf(path: string): Set<string> {
  const headings = readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm);
  const anchors = [...headings].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set(anchors);
}

/** Relative links of a text that lead nowhere, as written. */
function brokenLinks(path: string, text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '');
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? join(ROOT, path) : join(ROOT, dirname(path), file);
    if (!existsSync(target)) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
  });
}

/** Names of `npm run …` and `npm test` in a text that package.json does not know. */
function unknownCommands(text: string): string[] {
  const named = [...text.matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(test)\b)/g)];
  return named.map(([, run, test]) => run ?? test ?? '').filter((name) => !(name in scripts));
}

const paths = listPaths();
const places = new Set(
  paths.flatMap((path) => [...path.matchAll(/\/|$/g)].map(({ index }) => path.slice(0, index))),
);

/** Our files, folders and migrations that a text names and that are not there. */
function unknownPlaces(text: string): string[] {
  const folders = 'src|test|workflows|activities|migrations|docs|bench|deploy|examples';
  const own = new RegExp(`(?<![\\w./%-])(?:${folders})\\/[\\w./-]*\\w`, 'g');
  const named = [...text.matchAll(own)].map(([path]) => path);
  const numbers = [...text.matchAll(/\(`?(0\d{3})`?\)|\b(0\d{3}_[a-z_0-9]+)/g)];
  const migrations = numbers.map(([, number, name]) => `migrations/${number ?? name}`);
  const isThere = (migration: string) => paths.some((path) => path.startsWith(migration));
  return [
    ...named.filter((path) => !places.has(path)),
    ...migrations.filter((migration) => !isThere(migration)),
  ];
}

describe('the documents', () => {
  it('are there', () => {
    const wanted = ['README', 'ARCHITECTURE', 'CONTRIBUTING', 'CHANGELOG', 'SECURITY'];
    const paths = documents.map(({ path }) => path);
    expect(wanted.filter((name) => !paths.includes(`${name}.md`))).toEqual([]);
  });

  it.each(documents)('$path: its relative links lead somewhere', ({ path, text }) => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  it.each(documents)('$path: the commands that it names exist', ({ text }) => {
    expect(unknownCommands(text)).toEqual([]);
  });

  it.each(documents)('$path: the variables that it names are read', ({ text }) => {
    const named = new Set([...text.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)]);
    const code = readSources(
      /^(src|workflows|activities|test|bench|examples|migrations)\/|^docker-compose/,
    )
      .map((file) => file.text)
      .join('\n');
    const unread = [...named].map(([, name]) => name ?? '').filter((name) => !code.includes(name));
    expect([...new Set(unread)]).toEqual([]);
  });

  it('name files and migrations that are there, and so do comments', () => {
    // Probes of rules name what is not there, other people's sources have a `src`, and the page of
    // the API has addresses below `docs`.
    const others = /^(test\/static\/|docs\/upstream\/|src\/api\/docs\.ts)/;
    const unknown = readSources(/\.(md|ts|mjs|sql|ya?ml|sh)$/)
      .filter(({ path }) => !others.test(path))
      .flatMap(({ path, text }) => unknownPlaces(text).map((place) => `${path}: ${place}`));
    expect(unknown).toEqual([]);
  });

  it('name each count and each alert that there is, and no other', () => {
    const textOf = (paths: RegExp) =>
      readSources(paths)
        .map(({ text }) => text)
        .join('\n');
    const code = textOf(/^(src|activities|workflows)\/(?!dev\/)/);
    const told = textOf(/^docs\//);
    const named = (text: string, form: RegExp) =>
      [...new Set([...text.matchAll(form)].map(([, name]) => name))].toSorted();
    // What else begins so is the role of the service in Postgres.
    const count = /\bholdfast_(?!app\b)([a-z_]+)\b/g;
    expect(named(told, count)).toEqual(named(code, count));
    expect(named(told, /alert: "([A-Z_]+)"/g)).toEqual(named(code, /alert: '([A-Z_]+)'/g));
  });

  it('are checked for links, anchors, commands and places that lead nowhere', () => {
    expect(brokenLinks('README.md', 'see [a](docs/none.md), [b](https://x.example)')).toEqual([
      'docs/none.md',
    ]);
    expect(brokenLinks('README.md', '[a](#no-such-heading)')).toEqual(['#no-such-heading']);
    expect(unknownCommands('`npm run nothing` and `npm test`')).toEqual(['nothing']);
    expect(unknownPlaces('src/none.ts, docs/api.md, `0099_none_at_all.sql` (0004) (0098)')).toEqual(
      ['src/none.ts', 'migrations/0099_none_at_all', 'migrations/0098'],
    );
  });
});

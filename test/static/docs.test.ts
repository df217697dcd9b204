/** The documents speak of what is there: links lead somewhere, commands and variables exist. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, readSources } from './sourceFiles.ts';

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

  it('are checked for links, anchors and commands that lead nowhere', () => {
    expect(brokenLinks('README.md', 'see [a](docs/none.md), [b](https://x.example)')).toEqual([
      'docs/none.md',
    ]);
    expect(brokenLinks('README.md', '[a](#no-such-heading)')).toEqual(['#no-such-heading']);
    expect(unknownCommands('`npm run nothing` and `npm test`')).toEqual(['nothing']);
  });
});

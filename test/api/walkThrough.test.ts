/** The walk of docs/api.md, done as it is written: every curl command of it, in its order. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { ADMIN_KEY, type Answer, createTestApi, type TestApi } from './testApi.ts';

const PAGE = new URL('../../docs/api.md', import.meta.url);

interface Call {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

/** Words of a shell line: quotes group, `$NAME` is replaced but within single quotes. */
function wordsOf(line: string, variables: Record<string, string>): string[] {
  const words = line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g);
  return [...words].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"|\$(\w+)/g, (_, single, double, name) => {
      if (single !== undefined) return single;
      if (double === undefined) return variables[name] ?? '';
      return double.replace(/\$(\w+)/g, (_: string, inner: string) => variables[inner] ?? '');
    }),
  );
}

function callOf(line: string, variables: Record<string, string>): Call {
  const call: Call = { method: 'GET', path: '', headers: {}, body: null };
  const words = wordsOf(line, variables).slice(1).values();
  const next = () => words.next().value ?? '';
  for (const word of words) {
    if (word === '#') break;
    if (word === '-H') {
      const [name = '', value = ''] = next().split(': ');
      call.headers[name] = value;
    } else if (word === '-d') {
      call.method = 'POST';
      call.body = next();
    } else if (word !== '-s') {
      call.path = word;
    }
  }
  return call;
}

/** The commands of the walk: lines that end in `\` or within a quoted body go on. */
function commandsOf(page: string): string[] {
  // The chain's part is told after the others; here no chain is followed.
  const walk = page.slice(page.indexOf('## A walk with curl'), page.indexOf('### On a chain'));
  const blocks = [...walk.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block ?? '');
  return blocks
    .join('\n')
    .replaceAll('\\\n', ' ')
    .split(/\n(?=curl|GROUP=|API=|KEY=)/)
    .map((command) => command.trim());
}

describe('the walk of the API page', () => {
  let api: TestApi;
  const answers: { call: Call; answer: Answer }[] = [];

  beforeAll(async () => {
    api = await createTestApi({ sagas: true });
    const variables: Record<string, string> = { API: '', KEY: ADMIN_KEY };
    const commands = commandsOf(await readFile(PAGE, 'utf8'));
    for (const command of commands) {
      const group = /^GROUP=\$\(printf %s "([^"]+)"/.exec(command)?.[1];
      if (group !== undefined) variables.GROUP = encodeURIComponent(group);
      if (!command.startsWith('curl')) continue;
      const call = callOf(command, variables);
      const { method, path, headers, body } = call;
      const answer = await api.anonymous.send(method, path, { headers, body });
      answers.push({ call, answer });
    }
  });

  it('goes through: every call is answered with a success', () => {
    const failed = answers.filter(({ answer }) => answer.status >= 300);
    expect(failed).toEqual([]);
    expect(answers.length).toBeGreaterThanOrEqual(12);
  });

  it('moves what its words say', async () => {
    const { body: ada } = await api.admin.get('/v1/wallets/ada');
    const { body: bob } = await api.admin.get('/v1/wallets/bob');
    expect([ada.balance.available, bob.balance.available]).toEqual(['65', '35']);
    const { body: books } = await api.admin.get('/v1/reconciliation');
    expect(books.balanced).toBe(true);
  });
});

/**
 * The rules of the house that no linter knows. Each takes a file and answers with its offences, one
 * sentence each; none is an empty list. Biome's own rules stand in biome.json.
 */
import { listPaths, type SourceFile } from './sourceFiles.ts';

export const MAX_FILE_LINES = 300;
export const MAX_FUNCTION_LINES = 70;
const MAX_COLUMNS = 100;

export interface TidyRule {
  /** What the rule asks for, as a sentence. */
  says: string;
  appliesTo: RegExp;
  find(file: SourceFile): string[];
}

/** Numbered lines that match, as `line n: text`. */
function linesMatching(text: string, pattern: RegExp): string[] {
  return text
    .split('\n')
    .flatMap((line, at) => (pattern.test(line) ? [`line ${at + 1}: ${line.trim()}`] : []));
}

/** Without the marks written out, so that this file may be checked as well. */
const UNFINISHED = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|')})\\b`);
const SKIPPED = /\b(it|test|describe)\.(skip|only|todo|skipIf|runIf|fails)\b|\bx(it|describe)\(/;
const MACHINE_PATH = /(?<![\w.:$}/-])\/(work|root|tmp|home)\/\w/;
const VAGUE_NAME = /(^|\/)(utils?|helpers?|common|misc|types|shared|stuff)(\.\w+|\/)/i;
const MONEY = '(amount|balance|settled|held|available|pending|remaining|maxFee|minDeposit)';
const NUMBER_OF_MONEY = new RegExp(
  `\\b(Number|parseInt|Math\\.\\w+)\\([^)]*${MONEY}|${MONEY}\\w*\\)?\\.toNumber\\(`,
  'i',
);

/** What can be changed later: a variable, or an empty container. */
const SHARED_STATE = /^(export )?(let|var)\b|^(export )?const .*= (new \w+(<.*>)?\(\)|\[\]|\{\});/;

const CODE = /\.(ts|mjs|sql|sh|grit)$|^\.ci\//;
const SCRIPT = /\.(ts|mjs)$/;

export const TIDY_RULES: readonly TidyRule[] = [
  {
    says: `A file has at most ${MAX_FILE_LINES} lines`,
    appliesTo: CODE,
    find: ({ text }) => {
      const lines = text.split('\n').length - 1;
      return lines > MAX_FILE_LINES ? [`${lines} lines`] : [];
    },
  },
  {
    says: `A line has at most ${MAX_COLUMNS} columns`,
    appliesTo: CODE,
    find: ({ text }) =>
      text
        .split('\n')
        .flatMap((line, at) =>
          [...line].length > MAX_COLUMNS ? [`line ${at + 1}: ${[...line].length} columns`] : [],
        ),
  },
  {
    says: `A function has at most ${MAX_FUNCTION_LINES} lines, also in tests`,
    appliesTo: SCRIPT,
    find: ({ text }) => longFunctions(text),
  },
  {
    says: 'What is begun is finished: no note of work to be done stays behind',
    appliesTo: /^(?!package-lock\.json$)/,
    find: ({ text }) => linesMatching(text, UNFINISHED),
  },
  {
    says: 'No test is skipped, and none keeps the others from running',
    appliesTo: /^test\/.*\.ts$/,
    find: ({ text, path }) => (path.startsWith('test/static/') ? [] : linesMatching(text, SKIPPED)),
  },
  {
    says: 'A file is named after what it holds',
    appliesTo: /^(src|workflows|activities|test|bench|examples)\//,
    find: ({ path }) => (VAGUE_NAME.test(path) ? ['its name says nothing'] : []),
  },
  {
    says: 'A document that the code refers to is one of this tree',
    appliesTo: /^(src|workflows|activities|migrations|test|bench|examples)\//,
    find: ({ text, path }) =>
      path.startsWith('test/static/')
        ? []
        : text
            .split('\n')
            .flatMap((line, at) =>
              missingDocuments(line).map((name) => `line ${at + 1}: there is no ${name}`),
            ),
  },
  {
    says: 'No path of one machine is written down',
    appliesTo: /^(?!package-lock\.json$|Dockerfile$|docker-compose\.yml$)/,
    find: ({ text }) => linesMatching(text, MACHINE_PATH),
  },
  {
    says: 'An amount never becomes a JS number',
    appliesTo: /^(src|workflows|activities)\/.*\.ts$/,
    find: ({ text }) => [
      ...linesMatching(text, /\bparseFloat\b/),
      ...linesMatching(text, NUMBER_OF_MONEY),
    ],
  },
  {
    says: 'An exported function of the inner folders says what it does',
    appliesTo: /^src\/(ledger|contracts|temporal|chains)\/.*\.ts$/,
    find: ({ text }) => undocumentedExports(text),
  },
  {
    // All sagas of a process share these modules: see `preloadModules` in src/temporal/bundle.ts.
    says: 'A module of the workflows keeps nothing of one saga at its top level',
    appliesTo: /^(workflows|src\/contracts)\/.*\.ts$/,
    find: ({ text }) => linesMatching(text, SHARED_STATE),
  },
];

/** Documents of the tree, by name and without regard to case: `API.md` means docs/api.md. */
const DOCUMENTS = new Set(
  listPaths()
    .filter((path) => path.endsWith('.md'))
    .map((path) => path.split('/').at(-1)?.toLowerCase() ?? ''),
);

/** Documents that a line names and that are not there; a design by that name is not part of us. */
function missingDocuments(line: string): string[] {
  const named = [...line.matchAll(/\b([\w-]+\.md)\b/g)].map(([, name]) => name ?? '');
  const missing = named.filter((name) => !DOCUMENTS.has(name.toLowerCase()));
  return /\bDESIGN\b/.test(line) ? [...missing, 'DESIGN'] : missing;
}

/**
 * Functions longer than the cap. Biome has formatted the text, so a function ends at the first line
 * that is indented like its first and begins with a closing brace. A `describe` is a chapter, not a
 * function.
 */
function longFunctions(text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const opens = /(\bfunction\b.*\{|=> \{)$/.test(line) && !/^\s*describe\b/.test(line);
    if (!opens) return [];
    const indent = /^\s*/.exec(line)?.[0] ?? '';
    const end = lines.findIndex((other, then) => then > at && other.startsWith(`${indent}}`));
    const length = end - at - 1;
    return length > MAX_FUNCTION_LINES ? [`line ${at + 1}: ${length} lines`] : [];
  });
}

/** Exported functions that no docstring stands before; overloads share the first one's. */
function undocumentedExports(text: string): string[] {
  const lines = text.split('\n');
  return lines.flatMap((line, at) => {
    const found = /^export (?:async )?function\*? (\w+)|^export const (\w+) = (?:async )?\(/.exec(
      line,
    );
    const name = found?.[1] ?? found?.[2];
    const before = lines[at - 1] ?? '';
    if (!name || before.endsWith('*/') || before.includes(`function ${name}`)) return [];
    return [`line ${at + 1}: ${name} has no docstring`];
  });
}

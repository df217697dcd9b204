import type { Hook } from '@hono/zod-openapi';
import type { ZodError } from 'zod';
import type { ProblemCode } from '../contracts/codes.ts';
import type { ApiEnv } from './context.ts';
import { type Issue, sentenceOf } from './faultWords.ts';
import { type FieldFault, Problem } from './problem.ts';

/** RFC 6901: `~` and `/` of a key are escaped. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}

/** An unknown field is named itself, not the object that holds it. */
function faultsOf(issue: Issue): FieldFault[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ pointer: pointerOf(issue.path), detail: sentenceOf(issue) }];
  }
  return issue.keys.map((key) => ({
    pointer: pointerOf([...issue.path, key]),
    detail: 'This field is not known here.',
  }));
}

/** The code that a schema of ours attached to its own issue, else INVALID_REQUEST. */
function codeOf(issue: Issue): ProblemCode {
  const own = issue.code === 'custom' ? (issue.params?.code as ProblemCode | undefined) : undefined;
  return own ?? 'INVALID_REQUEST';
}

/** Of a list of thousands of lines; whoever mends these finds the next ones. */
export const MOST_TOLD = 100;

/** What is told beside the list: the one fault itself, or how many there are. */
function detailOf(faults: FieldFault[]): string {
  const [first] = faults;
  if (faults.length === 1 && first !== undefined) {
    return first.pointer === '' ? first.detail : `${first.pointer}: ${first.detail}`;
  }
  const told = faults.length > MOST_TOLD ? `the first ${MOST_TOLD}` : 'each';
  return `${faults.length} fields are at fault; \`errors\` names ${told}.`;
}

/** All faults under one code: that of the issues where they agree, else INVALID_REQUEST. */
function problemOf(error: ZodError): Problem {
  const codes = new Set(error.issues.map(codeOf));
  const [code = 'INVALID_REQUEST'] = codes;
  const faults = error.issues.flatMap(faultsOf);
  const errors = faults.slice(0, MOST_TOLD);
  return new Problem(codes.size === 1 ? code : 'INVALID_REQUEST', detailOf(faults), { errors });
}

/** The hook of every validated route: a request that does not fit its schemas is a problem. */
// biome-ignore lint/suspicious/noExplicitAny: the library's own type of a default hook.
export const refuseInvalid: Hook<any, ApiEnv, any, any> = (result) => {
  if (result.success) return;
  if (result.target !== 'header') throw problemOf(result.error);
  const problem = problemOf(result.error);
  // A header is no place in the body, so it has no pointer; the detail names it.
  throw new Problem(problem.code, result.error.issues[0]?.message ?? problem.message);
};

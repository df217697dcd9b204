import type { ZodError } from 'zod';

export type Issue = ZodError['issues'][number];

/** What JSON has, as one says it. */
const KINDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** Zod's own texts; what begins otherwise was written by a schema of ours and stays. */
const ZODS_OWN = /^(Invalid input|Invalid option|Too small|Too big): /;

function kindOf(name: string): string {
  return KINDS[name] ?? name;
}

function sizeOf(origin: string, bound: string, count: number | bigint): string {
  if (origin !== 'array') return `Must be ${count} or ${bound === 'least' ? 'more' : 'less'}`;
  return `Must have at ${bound} ${count} item${Number(count) === 1 ? '' : 's'}`;
}

/** What is wrong, for somebody who has never seen Zod; null: its words will do. */
function plainly(issue: Issue): string | null {
  switch (issue.code) {
    case 'invalid_type': {
      const received = /received (\w+)$/.exec(issue.message)?.[1] ?? '';
      if (received === 'undefined') return 'This field is required';
      if (issue.expected === 'int' && received === 'number') return 'Must be a whole number';
      return `Must be ${kindOf(issue.expected)}, not ${kindOf(received)}`;
    }
    case 'invalid_value': {
      const values = issue.values.map(String).join(', ');
      return issue.values.length === 1 ? `Must be ${values}` : `Must be one of ${values}`;
    }
    case 'too_small':
      return sizeOf(issue.origin, 'least', issue.minimum);
    case 'too_big':
      return sizeOf(issue.origin, 'most', issue.maximum);
    default:
      return null;
  }
}

/** A fault as a sentence. A body that is at fault itself is no field, so it is named. */
export function sentenceOf(issue: Issue): string {
  const text = (ZODS_OWN.test(issue.message) ? plainly(issue) : null) ?? issue.message;
  const whole = issue.path.length === 0 ? text.replace(/^Must /, 'The body must ') : text;
  return whole.endsWith('.') ? whole : `${whole}.`;
}

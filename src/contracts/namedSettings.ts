/** Settings by names of the user's choice, written as JSON: the likes of WEBHOOKS. */
import { z } from 'zod';

/** Fit for addresses of the API, labels of metrics and arguments of commands. */
const NAME = /^[a-z0-9_-]{1,64}$/;

/**
 * Reads them, each of the same shape.
 *
 * @param variable what the words about a fault call it
 * @param faults gets a sentence for each thing that is wrong; values are never among the words
 * @returns nothing at all where anything is wrong
 */
export function readNamedSettings<One extends z.ZodType>(
  variable: string,
  one: One,
  text: string,
  faults: string[],
): Readonly<Record<string, z.output<One>>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    faults.push(`${variable} must be a JSON object, or the path of a file with one`);
    return {};
  }
  const read = z.record(z.string().regex(NAME), one).safeParse(json);
  if (read.success) return read.data;
  for (const { path, message } of read.error.issues) {
    faults.push(`${variable}: ${path.join('.') || 'the whole'}: ${message}`);
  }
  return {};
}

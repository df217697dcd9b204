import { Problem } from './problem.ts';

/** A part of a path that clients and servers resolve before anybody reads it, however encoded. */
const RESOLVED = /^\.{1,2}$/;

/**
 * 400 INVALID_REQUEST for a name that no path can name, unless it stands for something already:
 * that can still be named in a body, and asked for again.
 */
export async function refuseUnnameable(
  pointer: string,
  name: string | undefined,
  isThere: (name: string) => Promise<unknown>,
): Promise<void> {
  if (name === undefined || !RESOLVED.test(name) || (await isThere(name)) !== null) return;
  const detail = '"." and ".." are no names: a URL cannot end in them.';
  throw new Problem('INVALID_REQUEST', `${pointer}: ${detail}`, { errors: [{ pointer, detail }] });
}

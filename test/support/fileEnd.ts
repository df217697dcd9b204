/** Vitest loads this before every test file; its last hook runs after all hooks of the file. */
import { afterAll, beforeAll } from 'vitest';
import { fileBegins, runFileEnds } from './borrow.ts';

// biome-ignore lint/correctness/noEmptyPattern: vitest reads the first parameter's source text.
beforeAll(({}, file) => fileBegins(file));
afterAll(() => runFileEnds());

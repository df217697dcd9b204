/** What is checked in of contracts is what their sources compile to. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CONTRACTS } from '../../src/dev/chain/artifact.ts';
import { compileContract, textOf } from '../../src/dev/chain/compile.ts';

it.each(CONTRACTS)('$name is compiled from its source', ({ name, source, artifact }) => {
  expect(readFileSync(artifact, 'utf8')).toBe(textOf(compileContract(source, name)));
});

/** Compiles the Solidity of this project, and that of tests: `node src/dev/chain/compile.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import solc from 'solc';
import { type Artifact, CONTRACTS } from './artifact.ts';

/** Older than the default, so that any EVM chain of these years runs the code. */
const EVM_VERSION = 'paris';

interface Output {
  errors?: { severity: string; formattedMessage: string }[];
  contracts: Record<
    string,
    Record<string, { abi: object[]; evm: { bytecode: { object: string } } }>
  >;
}

/**
 * Compiles one file; what it imports is looked up in node_modules. The same source gives the same
 * bytes: the metadata hash is left out.
 *
 * @throws an Error with the compiler's own words
 */
export function compileContract(source: URL, contract: string): Artifact {
  const file = `${contract}.sol`;
  const input = {
    language: 'Solidity',
    sources: { [file]: { content: readFileSync(source, 'utf8') } },
    settings: {
      evmVersion: EVM_VERSION,
      optimizer: { enabled: true, runs: 200 },
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { [file]: { [contract]: ['abi', 'evm.bytecode.object'] } },
    },
  };
  const { resolve } = createRequire(import.meta.url);
  const importFile = (path: string) => ({ contents: readFileSync(resolve(path), 'utf8') });
  const output: Output = JSON.parse(solc.compile(JSON.stringify(input), { import: importFile }));
  const faults = (output.errors ?? []).filter(({ severity }) => severity === 'error');
  const compiled = output.contracts?.[file]?.[contract];
  if (faults.length > 0 || !compiled) {
    throw new Error(faults.map((fault) => fault.formattedMessage).join('\n') || `no ${contract}`);
  }
  const { abi, evm } = compiled;
  return { contract, compiler: solc.version(), abi, bytecode: `0x${evm.bytecode.object}` };
}

/** As it is checked in. */
export const textOf = (artifact: Artifact): string => `${JSON.stringify(artifact, null, 2)}\n`;

if (import.meta.main) {
  for (const { name, source, artifact } of CONTRACTS) {
    writeFileSync(artifact, textOf(compileContract(source, name)));
  }
}

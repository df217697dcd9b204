import type { ChainDoor } from '../contracts/chain.ts';
import type { ApiDeps } from './context.ts';
import { Problem } from './problem.ts';

/** The door to a chain that is followed here; 503 CHAIN_UNAVAILABLE for any other. */
export async function doorTo({ chain }: ApiDeps, name: string): Promise<ChainDoor> {
  const followed = chain === null ? [] : await chain.chains();
  if (chain !== null && followed.some((status) => status.chain === name)) return chain;
  throw new Problem(
    'CHAIN_UNAVAILABLE',
    `This service does not follow ${name} now: it follows the chain of its CHAIN_RPC_URL. Ask ` +
      'again later, or have a node of that chain set there.',
  );
}

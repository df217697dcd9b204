/** The hot wallet's key in other hands: it takes our nonces, and somebody explains them. */
import { keccak256 } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { connectChain } from '../../chains/connection.ts';
import { createPool } from '../../db/pool.ts';
import { HOT_WALLET_PATH } from '../../withdrawals/developmentKeys.ts';
import {
  endPauses,
  explainSpending,
  openPauses,
  unknownSpendings,
} from '../../withdrawals/explain.ts';
import { readCanon } from './canon.ts';
import type { Operation } from './chainOperations.ts';
import { amountText } from './customers.ts';
import { MNEMONIC } from './keys.ts';
import { ask } from './moneyOperations.ts';
import { count, type Storm } from './storm.ts';

const KEY = mnemonicToAccount(MNEMONIC, { path: HOT_WALLET_PATH });
const GAS = 21_000n;
/** Above all that the service offers, so that a node takes it in the place of a payment. */
const FIRST_TIP = 500_000_000_000n;
/** What gas nobody has booked yet may be missing before payments of the asset stop. */
const TOLERATED = '1';

/** In one seed of four. */
export function isKeyStolen(seed: number): boolean {
  return seed % 4 === 0;
}

/** A transfer of nothing on the hot wallet's next nonce, or on the one of a payment under way. */
export const takeNonce: Operation = async (storm) => {
  const { dice, rpc, hot, seed } = storm.world;
  if (!isKeyStolen(seed)) return 'nobody has the key';
  const of = dice.isLucky(70) ? 'latest' : 'pending';
  const nonce = Number(await rpc('eth_getTransactionCount', hot, of));
  const tip = FIRST_TIP + BigInt(storm.foreign.size) * FIRST_TIP;
  const raw = await KEY.signTransaction({
    type: 'eip1559',
    chainId: Number(await rpc('eth_chainId')),
    nonce,
    gas: GAS,
    maxFeePerGas: 2n * tip,
    maxPriorityFeePerGas: tip,
    to: KEY.address,
    value: 0n,
  });
  const txid = keccak256(raw);
  storm.foreign.add(txid);
  await rpc('eth_sendRawTransaction', raw);
  count(storm, 'foreign nonces');
  return `${of} nonce ${nonce} by ${txid}`;
};

/** An operator says of each foreign transaction what it was, and lets the hot wallet go on. */
export const explainForeign: Operation = async (storm) => {
  if (!isKeyStolen(storm.world.seed)) return 'nobody has the key';
  return withBooks(storm, async (deps) => {
    for (const { nonce, spending } of await unknownSpendings(deps)) {
      if (!storm.foreign.has(spending.txid)) {
        // Our own after all: only a restored database forgets these.
        storm.faults.push(`${spending.txid} is ours, and the books do not know it`);
      }
      await explainSpending(deps, { nonce, groupIds: [], note: 'a thief' });
    }
    return `${await endPauses(deps, 'a thief')} pauses ended`;
  });
};

/** Why the hot wallet signs nothing, in sentences. */
export function whatIsPaused(storm: Storm): Promise<string[]> {
  if (!isKeyStolen(storm.world.seed)) return Promise.resolve([]);
  return withBooks(storm, async (deps) => {
    const unknown = await unknownSpendings(deps);
    return [
      ...(await openPauses(deps)).map(({ reason }) => `paused: ${reason}`),
      ...unknown.map(({ nonce }) => `nonce ${nonce} is not explained`),
    ];
  });
}

/** Gas that is missing does not stop the storm before somebody books it. */
export async function tolerateTheft({ world: { database, seed } }: Storm): Promise<void> {
  if (!isKeyStolen(seed)) return;
  await database.ask('select chain_set_tolerance($1, $2, null, $3)', ['ETH', TOLERATED, 'storm']);
}

/** As an operator does at last: the platform pays what the thief cost. */
export async function bookTheft(storm: Storm): Promise<void> {
  const { stolen } = await readCanon(storm);
  if (stolen === 0n) return;
  const amount = amountText('ETH', stolen);
  const legs = [
    { wallet: 'network-fees:ETH', type: 'DEBIT', amount },
    { wallet: 'external:ETH', type: 'CREDIT', amount },
  ];
  await ask(storm, '/v1/transfers', { legs }, 'admin');
}

async function withBooks<T>(
  { world: { database, nodeUrl } }: Storm,
  work: (deps: Parameters<typeof endPauses>[0]) => Promise<T>,
): Promise<T> {
  const db = createPool({ databaseUrl: database.url, size: 1, applicationName: 'storm operator' });
  try {
    return await work({ db, chain: connectChain(nodeUrl) });
  } finally {
    await db.end();
  }
}

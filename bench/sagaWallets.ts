import type { Db } from '../src/db/pool.ts';
import { createAsset } from '../src/ledger/assets.ts';
import { openTransfer } from '../src/ledger/openTransfer.ts';
import { createWallet } from '../src/ledger/wallets.ts';

const ASSET = 'BENCH';
/** So many that callers do not wait for each other's rows. */
const PAIRS = 500;

/** Pairs of a wallet with money in it and one that receives. */
export async function fundedPairs(db: Db): Promise<[string, string][]> {
  await createAsset(db, { code: ASSET, scale: 2 });
  const pairs: [string, string][] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    const [from, to] = [`from-${pair}`, `to-${pair}`];
    for (const id of [from, to]) await createWallet(db, { id, owner: id, asset: ASSET });
    await fund(db, from);
    pairs.push([from, to]);
  }
  return pairs;
}

async function fund(db: Db, wallet: string): Promise<void> {
  const amount = '1000000';
  const outcome = await openTransfer(db, {
    groupId: `transfer:admin:fund-${wallet}`,
    stepKey: `create:admin:fund-${wallet}`,
    actor: { name: 'admin', admin: true },
    client: 'admin',
    legs: [
      { wallet: `external:${ASSET}`, type: 'DEBIT', amount },
      { wallet, type: 'CREDIT', amount },
    ],
    settle: 'immediate',
    expiresIn: null,
    reference: null,
    metadata: {},
    acceptBy: null,
  });
  if (outcome.outcome !== 'done') throw new Error(`${wallet}: ${JSON.stringify(outcome)}`);
}

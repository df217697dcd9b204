/** The service on a chain of its own, for benches of deposits and withdrawals at once. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mnemonicToAccount } from 'viem/accounts';
import { payoutAddress } from '../src/dev/chain/payout.ts';
import { seedLocalChain } from '../src/dev/chain/seedLocalChain.ts';
import { startAnvil } from '../src/dev/stack/anvil.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { MNEMONIC } from '../src/dev/storm/keys.ts';
import { createLog } from '../src/observability/log.ts';
import { type ServiceStack, startStack } from './serviceStack.ts';

/** A funded account that is not the hot wallet. */
export const STRANGER = mnemonicToAccount(MNEMONIC, { path: "m/44'/60'/0'/0/5" }).address;
/** Slow enough that a machine of two cores is not what is measured. */
export const BLOCK_SECONDS = 2;
/** The default of `WITHDRAWALS_IN_FLIGHT`. */
export const IN_FLIGHT = 16;
const LOOK_MS = 200;
/** Beyond it a run has gone wrong. */
const PATIENCE_MS = 15 * 60_000;

export interface ChainStack extends ServiceStack {
  rpcUrl: string;
}

export interface ChainOptions {
  /** So many blocks, twice, until one is final. */
  epochSlots?: number;
  /** Withdrawals are paid together where they can be. */
  batches?: boolean;
}

/** Runs `work` with ETH and USDX registered, the hot wallet booked, and nothing started yet. */
export async function onChain(
  work: (stack: ChainStack) => Promise<void>,
  { epochSlots, batches = false }: ChainOptions = {},
): Promise<void> {
  const home = throwAwayFolder(postgresUser());
  const anvil = await startAnvil({
    stateFile: null,
    logFile: join(home, 'anvil.log'),
    mnemonic: MNEMONIC,
    blockTimeSeconds: BLOCK_SECONDS,
    ...(epochSlots === undefined ? {} : { epochSlots }),
  });
  try {
    const { rpcUrl } = anvil;
    const stack = await startStack({
      CHAIN_RPC_URL: rpcUrl,
      HOLDFAST_DEV_MNEMONIC: MNEMONIC,
      ...(batches ? { CHAIN_PAYOUT_CONTRACT: payoutAddress(MNEMONIC) } : {}),
    });
    try {
      const log = createLog('silent');
      const config = { mnemonic: MNEMONIC };
      await seedLocalChain({ rpcUrl, db: stack.db, config, log, payout: batches });
      await work({ ...stack, rpcUrl });
    } finally {
      await stack.stop();
    }
  } finally {
    await anvil.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/**
 * When each of so many groups of a kind settled, in milliseconds from `since` on, the earliest
 * first.
 *
 * @param prefix of their ids, where a kind has several sorts
 */
export async function untilSettled(
  { db }: ServiceStack,
  kind: 'collection' | 'deposit' | 'reversal' | 'withdrawal',
  since: number,
  count: number,
  prefix = '',
): Promise<number[]> {
  for (;;) {
    const { rows } = await db.query<{ at: Date }>(
      `select finished_at as at from transfer_groups
        where kind = $1::group_kind and status = 'SETTLED' and created_at >= $2
          and starts_with(id, $3) order by 1`,
      [kind, new Date(since), prefix],
    );
    if (rows.length === count) return rows.map(({ at }) => at.getTime() - since);
    if (Date.now() > since + PATIENCE_MS) throw new Error(`${rows.length} of ${count} settled`);
    await sleep(LOOK_MS);
  }
}

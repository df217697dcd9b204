/**
 * Makes a fresh local chain usable: a token, two assets, and the hot wallet's coins in the books.
 */
import { amountOf, type ChainAsset } from '../../chains/assets.ts';
import { connectEvm } from '../../chains/evm/adapter.ts';
import { connectRpc } from '../../chains/evm/rpc.ts';
import type { ChainPort } from '../../chains/port.ts';
import type { Db } from '../../db/pool.ts';
import { createAsset, readAsset } from '../../ledger/assets.ts';
import type { Log } from '../../observability/log.ts';
import { OtherGenesis } from '../../watchers/follow.ts';
import { hotWalletAddress } from '../../withdrawals/developmentKeys.ts';
import { registerHotAddress } from '../../withdrawals/hotWallet.ts';
import { bookTreasury, isTreasuryBooked } from './bookTreasury.ts';
import { approvePayout, deployPayout } from './payout.ts';
import { deployUsdx } from './token.ts';

export interface SeedOptions {
  rpcUrl: string;
  db: Db;
  config: { mnemonic: string };
  log: Log;
  /** Deploys the payout contract too, so that withdrawals can be paid together. */
  payout?: boolean;
}

/** What the hot wallet begins with: enough to play with for ever. */
const USDX_UNITS = 1_000_000_000_000_000n;
/** Blocks after which a deposit is credited (API.md, Running it). */
const CONFIRMATIONS = 3;
/** With one-slot epochs the block two below the head is final. */
const BLOCKS_TO_FINALITY = 3;

/**
 * Deploys USDX, registers ETH and USDX, and books what the hot wallet has as `treasury:<asset>`.
 * Each part is done once, whatever is persisted where; called at every start of the stack, before
 * the watcher.
 *
 * @throws OtherGenesis when the database belongs to another local chain
 */
export async function seedLocalChain(options: SeedOptions): Promise<void> {
  const { rpcUrl, db, config, log } = options;
  const port = await connectEvm(rpcUrl);
  await refuseOtherGenesis(db, port);
  const hot = hotWalletAddress(config.mnemonic);
  await register(db, { code: 'ETH', scale: 18, chain: port.chain, name: 'Ether' });
  const usdx = await readAsset(db, 'USDX');
  if (usdx === null) {
    const contract = await deployUsdx(rpcUrl, config.mnemonic, hot, USDX_UNITS);
    if (options.payout) {
      const payout = await deployPayout(rpcUrl, config.mnemonic);
      await approvePayout(rpcUrl, config.mnemonic, contract, payout);
      log.info({ payout }, 'deployed the payout contract on the local chain');
    }
    await register(db, {
      code: 'USDX',
      scale: 6,
      chain: port.chain,
      contract,
      name: 'Local test dollar',
    });
    // The books begin at a final block, so that a reconciliation at once finds the contract there.
    await connectRpc(rpcUrl)('anvil_mine', `0x${BLOCKS_TO_FINALITY.toString(16)}`);
    log.info({ contract }, 'deployed USDX on the local chain');
  } else {
    await refuseLostToken(rpcUrl, usdx.contract ?? '');
  }
  await registerHotAddress(db, port, hot);
  for (const code of ['ETH', 'USDX']) await bookHotWallet(db, port, hot, code);
}

async function refuseOtherGenesis(db: Db, port: ChainPort): Promise<void> {
  const { rows } = await db.query<{ genesis_hash: string }>(
    'select genesis_hash from chains where id = $1',
    [port.chain],
  );
  const stored = rows[0]?.genesis_hash;
  const told = await port.genesisHash();
  if (stored !== undefined && stored !== told) throw new OtherGenesis(port.chain, stored, told);
}

/** A chain that lost its state begins with the same block and has none of what was built on it. */
async function refuseLostToken(rpcUrl: string, contract: string): Promise<void> {
  const code = await connectRpc(rpcUrl)<string>('eth_getCode', contract, 'latest');
  if (code !== '0x') return;
  throw new Error(
    `The local chain has lost its state: USDX is not at ${contract}, where the database has it. ` +
      'Remove the data directory to begin anew.',
  );
}

async function register(
  db: Db,
  asset: { code: string; scale: number; chain: string; contract?: string; name: string },
): Promise<void> {
  const existing = await readAsset(db, asset.code);
  if (existing) return;
  const made = await createAsset(db, { ...asset, confirmations: CONFIRMATIONS });
  if ('refusal' in made) throw new Error(`${asset.code}: ${made.refusal.detail}`);
}

/** All that it has: the books are empty. */
async function bookHotWallet(db: Db, port: ChainPort, hot: string, code: string): Promise<void> {
  const asset = await readAsset(db, code);
  if (!asset || (await isTreasuryBooked(db, code))) return;
  const { height: block } = await port.head();
  const contract = asset.contract?.toLowerCase() ?? null;
  const units = await port.balanceOf(hot, contract, block);
  if (units === 0n) return;
  const amount = amountOf({ code, scale: asset.scale, contract } satisfies ChainAsset, units);
  await bookTreasury(db, code, amount, { chain: port.chain, address: hot, block });
}

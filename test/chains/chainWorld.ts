/** A database, a local chain and a follower of it, for one test file. */
import { readChainAssets } from '../../src/chains/assets.ts';
import { type ChainConnection, connectChain } from '../../src/chains/connection.ts';
import { handOutAddress } from '../../src/chains/depositAddresses.ts';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import type { ChainPort } from '../../src/chains/port.ts';
import type { Balance } from '../../src/contracts/resources.ts';
import { seedLocalChain } from '../../src/dev/chain/seedLocalChain.ts';
import { createWallet, readWallet } from '../../src/ledger/wallets.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Watch } from '../../src/watchers/chainTables.ts';
import { createFollower, type Turn } from '../../src/watchers/follow.ts';
import { depositXpub, hotWalletAddress } from '../../src/withdrawals/developmentKeys.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { rpcUrl as borrowRpcUrl } from '../support/testServers.ts';
import { MNEMONIC, type Node, openNode, STRANGER } from './node.ts';

export const log = createLog('silent');
export const XPUB = depositXpub(MNEMONIC);
export const HOT = hotWalletAddress(MNEMONIC);

export interface ChainWorld {
  database: TestDatabase;
  db: TestDatabase['pool'];
  rpcUrl: string;
  node: Node;
  chain: ChainConnection;
  port: ChainPort;
  /** USDX as it was deployed, lower case. */
  usdx: string;
  /** Turns until the follower has nothing to do, or stands still. Answers the last one. */
  follow(): Promise<Turn>;
  /** A follower of its own lease, as another process would have it, maybe by another node. */
  follower(holder: string, node?: ChainPort): () => Promise<Turn>;
  /** Opens a wallet and hands out its address (lower case). */
  wallet(id: string, asset: string, owner?: string): Promise<string>;
  balance(id: string): Promise<Balance>;
  /** The stranger gets tokens out of nothing. */
  giveStranger(units: bigint): Promise<void>;
  /** One row, first column. */
  value<T>(sql: string, ...values: unknown[]): Promise<T>;
}

export interface WorldOptions {
  payout?: boolean;
  /** Left out: one with all migrations. */
  database?: TestDatabase;
  /** Left out: a local chain of its own. */
  rpcUrl?: string;
}

/** Mining is automatic: a block per transaction, and by `node.mine`. */
export async function createChainWorld(options: WorldOptions = {}): Promise<ChainWorld> {
  const { payout = false } = options;
  const [database, rpcUrl] = await Promise.all([
    options.database ?? createTestDatabase(),
    options.rpcUrl ?? borrowRpcUrl(),
  ]);
  const db = database.pool;
  await seedLocalChain({ rpcUrl, db, config: { mnemonic: MNEMONIC }, log, payout });
  const port = await connectEvm(rpcUrl);
  const assets = await readChainAssets(db, port.chain);
  const usdx = assets.contracts[0] as string;
  const follower = (holder: string, from = port) => {
    const watch: Watch = { chain: port.chain, holder };
    return createFollower({ db, port: from, watch, startHeight: null, log });
  };
  const turn = follower('test');
  const value = async <T>(sql: string, ...values: unknown[]) => {
    const { rows } = await database.owner.query(sql, values);
    return rows[0] && (Object.values(rows[0])[0] as T);
  };
  const node = openNode(rpcUrl);
  return {
    database,
    db,
    rpcUrl,
    node,
    chain: connectChain(rpcUrl),
    port,
    usdx,
    follower,
    value: value as ChainWorld['value'],
    async follow() {
      for (let turns = 0; turns < 50; turns++) {
        const now = await turn();
        if (now.turn !== 'behind') return now;
      }
      throw new Error('The follower does not come to an end.');
    },
    async wallet(id, asset, owner = id) {
      await createWallet(db, { id, owner, asset });
      const { address } = await handOutAddress(db, XPUB, { wallet: id, fresh: false });
      return address.address.toLowerCase();
    },
    async balance(id) {
      const wallet = await readWallet(db, id);
      if (!wallet) throw new Error(`no wallet ${id}`);
      return wallet.balance;
    },
    async giveStranger(units) {
      // Not through the hot wallet's key: its nonces belong to the withdrawals.
      await node.rpc('anvil_dealERC20', STRANGER.address, usdx, `0x${units.toString(16)}`);
    },
  };
}

/** Another local chain: two that start in the same second begin with the same block. */
export async function anotherChain(than: ChainPort): Promise<string> {
  const url = await borrowRpcUrl();
  const genesis = await (await connectEvm(url)).genesisHash();
  return genesis === (await than.genesisHash()) ? anotherChain(than) : url;
}

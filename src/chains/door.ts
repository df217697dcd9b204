/** The chains as the API sees them. */
import {
  type ChainDoor,
  type ChainReconciliation,
  type ChainStatus,
  ChainUnavailable,
} from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { ChainConnection } from './connection.ts';
import { handOutAddress, listAddresses } from './depositAddresses.ts';
import { FINALITY_STALL_SECONDS } from './deposits.ts';
import { readAddress, showAddress } from './evm/addresses.ts';
import type { ChainPort } from './port.ts';
import { reconcileChain } from './reconcile.ts';
import { askRescan, rescanTransaction } from './rescan.ts';

export interface DoorOptions {
  db: Db;
  chain: ChainConnection;
  /** Account key that deposit addresses are derived from; holds no private key. */
  xpub: string;
  /** Credits pause when finality has not moved for so long. */
  finalityStallSeconds?: number;
}

/** Blocks between the node and the watcher that make a service not ready: deposits come late. */
const MOST_LAG_BLOCKS = 50;
/** A watcher looks every second or so; one that was silent for so long is gone. */
const MOST_SILENCE_SECONDS = 30;

/** Opens the door to one followed chain. */
export function createChainDoor({ db, chain, xpub, ...options }: DoorOptions): ChainDoor {
  const stallSeconds = options.finalityStallSeconds ?? FINALITY_STALL_SECONDS;
  return {
    missing: () => whatIsMissing(db, chain, stallSeconds),
    blindSpots: async () => (await answering(chain))?.blindSpots ?? [],
    depositAddress: (input) => handOutAddress(db, xpub, input),
    listDepositAddresses: ({ wallet }) => listAddresses(db, wallet),
    async depositGroups({ asset, txid: spelled }) {
      const [port, txid] = [await chain(), spelled.toLowerCase()];
      const isRead = await rescanTransaction(db, port, txid);
      const mayCome = !isRead && (await port.transactionStatus(txid)).state !== 'unknown';
      return { ids: await depositGroups(db, asset, txid), mayCome };
    },
    scaleFault: (input) => scaleFault(chain, input),
    async validateDestination({ destination }) {
      const read = readAddress(destination);
      return 'fault' in read ? read : { destination: showAddress(read.address) };
    },
    chains: () => listChains(db),
    rescan: (request) => askRescan(db, chain, request),
    reconciliation: async () => (await reconcileChain(db, await chain())).map(shownLine),
  };
}

/** The port, or null while the node does not answer. */
function answering(chain: ChainConnection): Promise<ChainPort | null> {
  return chain().catch((error: unknown) => {
    if (error instanceof ChainUnavailable) return null;
    throw error;
  });
}

async function scaleFault(
  connection: ChainConnection,
  { chain, contract, scale }: Parameters<ChainDoor['scaleFault']>[0],
): Promise<string | null> {
  const port = await answering(connection);
  if (port?.chain !== chain) return null;
  const decimals = await port.decimalsOf(contract).catch((error: unknown) => {
    if (error instanceof ChainUnavailable) return null;
    throw error;
  });
  if (decimals == null || decimals === scale) return null;
  const what = contract === null ? 'The native coin' : `The contract ${contract}`;
  return `${what} counts in ${decimals} decimals, not in ${scale}.`;
}

async function whatIsMissing(
  db: Db,
  chain: ChainConnection,
  stallSeconds: number,
): Promise<string | null> {
  const port = await answering(chain);
  if (port === null) return 'does not answer';
  const [genesisHash, { rows }] = await Promise.all([
    port.genesisHash(),
    db.query<{
      genesis: string;
      silence: number | null;
      lag: number | null;
      halted: boolean;
      wait: number;
    }>(
      `select c.genesis_hash as genesis, (c.head_height - c.cursor_height)::integer as lag,
         extract(epoch from clock_timestamp() - c.head_seen_at)::integer as silence,
         chain_finality_wait(c) as wait,
         exists (select from chain_halts h where h.chain = c.id and h.until is null) as halted
       from chains c where c.id = $1`,
      [port.chain],
    ),
  ]);
  const [known] = rows;
  if (!known) return `has no watcher yet: nobody follows ${port.chain}`;
  if (known.genesis !== genesisHash) return 'is another chain than the one that was followed';
  // The reason names a group, and so a client and its key, to whoever asks without any.
  if (known.halted) return 'stands still: GET /v1/chains says why';
  if (known.silence === null || known.silence > MOST_SILENCE_SECONDS) {
    return `has had no watcher for ${known.silence ?? 'some'} seconds`;
  }
  if (known.lag !== null && known.lag > MOST_LAG_BLOCKS) return `is read ${known.lag} blocks late`;
  if (known.wait > stallSeconds) {
    return `goes on without finality for ${known.wait} seconds: nothing is credited meanwhile`;
  }
  return null;
}

async function depositGroups(db: Db, asset: string, txid: string): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query<{ id: string }>(
      `select i.group_id as id from chain_inclusions i
       where i.txid = $1 and i.asset = $2
         and (i.canonical or exists (select from transfer_groups g where g.id = i.group_id))
       order by i.id`,
      [txid, asset],
    ),
  );
  return rows.map(({ id }) => id);
}

async function listChains(db: Db): Promise<ChainStatus[]> {
  const { rows } = await withRetry(() =>
    db.query<{ status: ChainStatus }>('select chain_json(c) as status from chains c order by c.id'),
  );
  return rows.map(({ status: { senderPauses, ...status } }) => ({
    ...status,
    senderPauses: senderPauses.map((pause) => ({ ...pause, sender: showAddress(pause.sender) })),
  }));
}

/** Addresses are stored in lower case and shown with their checksum. */
function shownLine(line: ChainReconciliation): ChainReconciliation {
  const places = line.places.map((place) => ({
    ...place,
    address: place.address && showAddress(place.address),
  }));
  return { ...line, places };
}

import type { Context } from 'hono';
import type { ChainDoor } from '../contracts/chain.ts';
import type { SagaGateway } from '../contracts/sagas.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { WalletCatalog } from './walletCatalog.ts';

/** What a key may do. `admin` implies all others. */
export const SCOPES = ['read', 'transfer', 'operate', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who asks: the client that a key belongs to, and what the key may do. */
export interface Caller {
  client: string;
  scopes: ReadonlySet<Scope>;
}

/** What the routes need of the world. */
export interface ApiDeps {
  db: Db;
  gateway: SagaGateway;
  /** Null: no chain is followed, calls that need one answer 503 CHAIN_UNAVAILABLE. */
  chain: ChainDoor | null;
  log: Log;
  metrics: Metrics;
  wallets: WalletCatalog;
}

/** What a request carries from middleware to handler. */
export interface ApiEnv {
  Variables: { requestId: string; caller: Caller };
}

export type ApiContext = Context<ApiEnv>;

export function isAdmin(caller: Caller): boolean {
  return caller.scopes.has('admin');
}

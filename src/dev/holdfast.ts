/** Holdfast on a stack: migrated, the local chain seeded, the service started. */
import { connectChain } from '../chains/connection.ts';
import { type Config, readConfig } from '../config.ts';
import { migrate } from '../db/migrate.ts';
import { createPool } from '../db/pool.ts';
import { startHoldfast } from '../main.ts';
import { createLog, type Log } from '../observability/log.ts';
import type { Stack } from './stack/stack.ts';

export interface Running {
  apiUrl: string;
  config: Config;
  /** Resolves with a sentence when a part of the service could not go on. */
  broken: Promise<string>;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Where the rest of the configuration comes from, the admin key among it. */
  env: NodeJS.ProcessEnv;
  /** Deploys and registers the assets of a development chain, if that was not done before. */
  seed: boolean;
}

/** Starts the service on the stack's servers. */
export async function startOnStack(stack: Stack, { env, seed }: StartOptions): Promise<Running> {
  const config = readConfig({
    ...env,
    DATABASE_URL: stack.databaseUrl,
    TEMPORAL_ADDRESS: stack.temporalAddress,
    TEMPORAL_UI_URL: stack.temporalUi ?? '',
    CHAIN_RPC_URL: stack.rpcUrl ?? 'off',
  });
  const log = createLog(config.logLevel);
  if (seed && stack.rpcUrl !== null) {
    // Before the service follows the chain, so that it knows the assets from its first block on.
    await migrate(config.databaseUrl);
    const { seedLocalChain } = await import('./chain/seedLocalChain.ts');
    const db = createPool({ databaseUrl: config.databaseUrl, size: 2, applicationName: 'seed' });
    try {
      const payout = config.paying.batches !== null;
      await seedLocalChain({ rpcUrl: stack.rpcUrl, db, config, log, payout });
    } finally {
      await db.end();
    }
  }
  const { apiUrl, ended, stop } = await startHoldfast(config, { log });
  const broken = new Promise<string>((resolve) => {
    ended.catch((error: Error) => resolve(`The service could not go on: ${error.message}.`));
  });
  const endBooking = seed ? async () => {} : await startBooking(config, log);
  return {
    apiUrl,
    config,
    broken,
    async stop() {
      await endBooking();
      await stop();
    },
  };
}

/** On a chain of one's own, where the development mnemonic pays. Answers how it is ended. */
async function startBooking(config: Config, log: Log): Promise<() => Promise<void>> {
  const { chainRpcUrl, databaseUrl, signer } = config;
  if (chainRpcUrl === null || signer !== null) return async () => {};
  const { keepBooking } = await import('./chain/bookAwaited.ts');
  const db = createPool({ databaseUrl, size: 1, applicationName: 'book' });
  const ending = new AbortController();
  const booking = keepBooking({ db, chain: connectChain(chainRpcUrl), log }, ending.signal);
  return async () => {
    ending.abort();
    await booking;
    await db.end();
  };
}

/** The servers of a run, started when the first test file asks. */
import { atFileEnd, borrow } from './borrow.ts';

/** Address of the run's Temporal server (`TEMPORAL_ADDRESS`, else a dev server in memory). */
export async function temporalAddress(): Promise<string> {
  return (await borrow('temporal')).address;
}

/**
 * A namespace that no other test file uses, with the search attributes, so that workers of two
 * files never take each other's tasks.
 */
export async function temporalNamespace(): Promise<string> {
  return (await borrow('namespace')).namespace;
}

/** Absolute path of the time-skipping server, for `server.executable` of `createTimeSkipping`. */
export async function timeSkippingServerPath(): Promise<string> {
  return (await borrow('timeSkipping')).path;
}

/**
 * A new local chain (anvil, id 31337) of this test file's own, which may reorganise it as it likes;
 * stopped when the file ends. Always ours, whatever `CHAIN_RPC_URL` says.
 *
 * @param options.blockTimeSeconds mines on that clock; left out: a block per transaction
 */
export async function rpcUrl(options: { blockTimeSeconds?: number } = {}): Promise<string> {
  const { rpcUrl: url } = await borrow('anvil', String(options.blockTimeSeconds ?? ''));
  atFileEnd(async () => {
    await borrow('returnAnvil', url);
  });
  return url;
}

/** The local EVM node: Foundry's anvil from npm. */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { keptText } from './keptText.ts';
import { freePort } from './ports.ts';
import { type Server, startServer } from './server.ts';

export interface AnvilOptions {
  /** Keeps the chain's state in this file, read at start and written at the end; null: nowhere. */
  stateFile: string | null;
  logFile: string;
  /** A throw-away folder that goes with the server. */
  removeAfter?: string | null;
  recordFile?: string | null;
  mnemonic: string;
  /** Seconds between blocks; null: one block per transaction, and by `evm_mine`. */
  blockTimeSeconds: number | null;
  /** Slots in an epoch: a block is final when twice as many stand on it; 1 by default. */
  epochSlots?: number;
  /**
   * JSON-RPC address of a node whose chain it goes on from, with the balances that accounts have
   * there. It makes blocks by `anvil_mine` alone.
   */
  forkOf?: string;
  /** A rollup of that kind, which charges for publishing; left out: Ethereum. */
  network?: 'optimism';
}

export interface Anvil extends Server {
  rpcUrl: string;
}

/** anvil's usual id; the signer knows that it is no main net. */
const LOCAL_CHAIN_ID = 31337;
/**
 * anvil writes its whole state each time, and that grows by 1.7 KB a block: after a working day of
 * one-second blocks it is 50 MB. Written every second that cost 11 % of a core. A stop writes it
 * too, so this is what a killed anvil loses at most.
 */
const STATE_INTERVAL_SECONDS = 10;
/**
 * A forking anvil keeps the thread of each call that needs state of the other node, and fetches
 * that state by a thread of the same few: with one a core, as many calls at once stop it for ever.
 */
const FORK_THREADS = 64;
/** Writing the state at the end takes longer than the ending itself. */
const STOP_GRACE_MS = 20_000;

/**
 * Starts anvil on a free port of 127.0.0.1. Ten accounts of the mnemonic own 10,000 ETH each. An
 * epoch is one block unless said, so that blocks become `safe` and `finalized` soon.
 *
 * @throws an Error that says what failed and how to go on
 */
export async function startAnvil(options: AnvilOptions): Promise<Anvil> {
  if (options.stateFile !== null) refuseForeign(options.stateFile);
  const port = await freePort();
  const rpcUrl = `http://127.0.0.1:${port}`;
  const args = ['--host', '127.0.0.1', '--port', String(port)];
  args.push('--chain-id', String(LOCAL_CHAIN_ID), '--mnemonic', options.mnemonic);
  args.push('--slots-in-an-epoch', String(options.epochSlots ?? 1), '--silent');
  // Its default place is below HOME, which may be read-only.
  args.push('--cache-path', join(dirname(options.logFile), 'anvil-cache'));
  if (options.forkOf !== undefined) {
    args.push('--fork-url', options.forkOf, '--no-storage-caching', '--no-mining');
    args.push('--accounts', '0', '--threads', String(FORK_THREADS));
  }
  if (options.network !== undefined) args.push('--network', options.network);
  if (options.blockTimeSeconds !== null) {
    args.push('--block-time', String(options.blockTimeSeconds));
  }
  if (options.stateFile !== null) {
    args.push('--state', options.stateFile);
    args.push('--state-interval', String(STATE_INTERVAL_SECONDS));
    args.push('--timestamp', genesisTime(options.stateFile));
  }
  try {
    const server = await startServer({
      name: 'anvil',
      command: anvilBinary(),
      args,
      stopSignal: 'SIGINT',
      graceMs: STOP_GRACE_MS,
      logFile: options.logFile,
      recordFile: options.recordFile ?? null,
      removeAfter: options.removeAfter ?? null,
      isReady: () => answersChainId(rpcUrl),
    });
    // A chain that began earlier goes on at the machine's time, not where its first block was.
    const now = Math.floor(Date.now() / 1000);
    if (options.stateFile !== null) await call(rpcUrl, 'evm_setTime', [now]);
    return { ...server, rpcUrl };
  } catch (error) {
    const next = isCutOff(options.stateFile)
      ? 'Its state was cut off as it was written, by a full disk or a kill. ' +
        'Remove the data directory to begin anew.'
      : 'Set CHAIN_RPC_URL to an EVM node of your own, or to off for no chain.';
    throw new Error(`The local chain (anvil) did not start. ${(error as Error).message}\n${next}`);
  }
}

/** Each state of ours has the time of its block 0 beside it; anvil would write over another one. */
function refuseForeign(stateFile: string): void {
  if (!existsSync(stateFile) || existsSync(genesisFile(stateFile))) return;
  throw new Error(
    `${stateFile} is somebody else's chain: no ${basename(genesisFile(stateFile))} stands beside` +
      ' it. Set HOLDFAST_DATA_DIR to a folder of its own, or CHAIN_RPC_URL to off for no chain.',
  );
}

const genesisFile = (stateFile: string) => `${stateFile}.genesis`;

/** True where a state is there and no whole one: anvil writes over the one that was before. */
function isCutOff(stateFile: string | null): boolean {
  if (stateFile === null || !existsSync(stateFile)) return false;
  try {
    JSON.parse(readFileSync(stateFile, 'utf8'));
    return false;
  } catch {
    return true;
  }
}

/**
 * The time of block 0 in Unix seconds, kept beside the state. anvil makes a block 0 at each start,
 * also when it loads a state, and then knows two of them. With the same time they are the same; and
 * should it be killed before it has written its state, the next chain is a shorter one and not
 * another one, which a database that follows it refuses.
 */
export function genesisTime(stateFile: string): string {
  return keptText(genesisFile(stateFile), () => String(Math.floor(Date.now() / 1000)));
}

/** The platform's executable itself: npm's launcher in between would not pass signals on. */
function anvilBinary(): string {
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const name = `@foundry-rs/anvil-${process.platform}-${arch}`;
  const launcher = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json');
  try {
    const root = dirname(createRequire(launcher).resolve(`${name}/package.json`));
    const binary = join(root, 'bin', 'anvil');
    if (existsSync(binary)) return binary;
  } catch {
    // Said below: the package is not there.
  }
  throw new Error(
    `The npm package ${name} is not installed: this platform has no anvil, or the install left` +
      ' out optional packages (npm ci --include=optional).',
  );
}

async function answersChainId(rpcUrl: string): Promise<boolean> {
  return Number(await call(rpcUrl, 'eth_chainId', [])) === LOCAL_CHAIN_ID;
}

async function call(rpcUrl: string, method: string, params: unknown[]): Promise<unknown> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return ((await response.json()) as { result?: unknown }).result;
}

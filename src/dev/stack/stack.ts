/**
 * The servers that Holdfast needs: those that the environment names, and local ones for the rest.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Anvil, startAnvil } from './anvil.ts';
import type { DataLock } from './lock.ts';
import { freePort, requireFreePort } from './ports.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import { startTemporal, type Temporal } from './temporal.ts';

export interface StackOptions {
  env: NodeJS.ProcessEnv;
  /** Keeps data here, and takes up what is there; null: everything is thrown away at the end. */
  data: { dir: string; lock: DataLock } | null;
  /** Its accounts are the local chain's funded ones. */
  mnemonic: string;
  say: (line: string) => void;
}

export interface Stack {
  databaseUrl: string;
  temporalAddress: string;
  /** Base URL of the Temporal UI, or null where none is known. */
  temporalUi: string | null;
  /** JSON-RPC endpoint, or null: no chain. */
  rpcUrl: string | null;
  /** True when the chain is our own anvil. */
  isLocalChain: boolean;
  /** Resolves with a sentence when a local server ends without being asked. */
  broken: Promise<string>;
  /** Stops what was started here: Temporal and chain first, Postgres last. */
  stop(): Promise<void>;
}

/** Seconds between blocks of the local chain. */
const BLOCK_TIME_SECONDS = 1;

/** The local servers that the environment asks for, by name: for a sentence. */
export function localParts(env: NodeJS.ProcessEnv): string {
  const parts = [
    env.DATABASE_URL ? [] : ['Postgres'],
    env.TEMPORAL_ADDRESS ? [] : ['Temporal'],
    env.CHAIN_RPC_URL ? [] : ['a chain'],
  ].flat();
  return parts.join(', ') || 'no server';
}

/**
 * Starts what `DATABASE_URL`, `TEMPORAL_ADDRESS` and `CHAIN_RPC_URL` leave open, side by side.
 *
 * @throws an Error that says what failed and how to go on; nothing is left running then
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { env, data } = options;
  const home = data?.dir ?? mkdtempSync(join(tmpdir(), 'holdfast-stack-'));
  const logs = join(home, 'logs');
  mkdirSync(logs, { recursive: true });
  const place: Place = {
    kept: data?.dir ?? null,
    thrownAway: data ? null : home,
    logs,
    lock: data?.lock ?? null,
  };
  const parts = await Promise.allSettled([
    env.DATABASE_URL ? null : postgresPart(options, place),
    env.TEMPORAL_ADDRESS ? null : temporalPart(options, place),
    env.CHAIN_RPC_URL ? null : anvilPart(options, place),
  ]);
  const [db, saga, chain] = parts.map((part) =>
    part.status === 'fulfilled' ? part.value : null,
  ) as [Postgres | null, Temporal | null, Anvil | null];
  const others = [saga, chain].filter((part) => part !== null);

  let isStopping = false;
  const stop = async (): Promise<void> => {
    isStopping = true;
    await Promise.all(others.map((part) => part.stop()));
    await db?.stop();
    if (!data) rmSync(home, { recursive: true, force: true });
  };
  const failures = parts.flatMap((part) => (part.status === 'rejected' ? [part.reason] : []));
  if (failures.length > 0) {
    await stop();
    throw new Error(failures.map((failure: Error) => failure.message).join('\n\n'));
  }
  const broken = new Promise<string>((resolve) => {
    for (const { name, ended } of [db, ...others].filter((part) => part !== null)) {
      ended.then((code) => {
        if (isStopping) return;
        resolve(`${name} ended by itself with code ${code}; its log is in ${logs}.`);
      });
    }
  });
  return {
    databaseUrl: db?.databaseUrl ?? env.DATABASE_URL ?? '',
    temporalAddress: saga?.address ?? env.TEMPORAL_ADDRESS ?? '',
    temporalUi: saga?.uiUrl ?? (env.TEMPORAL_UI_URL || null),
    rpcUrl: chain?.rpcUrl ?? (env.CHAIN_RPC_URL === 'off' ? null : (env.CHAIN_RPC_URL ?? null)),
    isLocalChain: chain !== null,
    broken,
    stop,
  };
}

interface Place {
  /** Folder of what is kept; null: nothing is. */
  kept: string | null;
  /** Folder that goes with the servers, however they end; null: none does. */
  thrownAway: string | null;
  logs: string;
  lock: DataLock | null;
}

function postgresPart({ say }: StackOptions, { kept, logs, lock }: Place): Promise<Postgres> {
  const recordFile = lock?.recordFile('postgres') ?? null;
  return startPostgres({ dataDir: kept, logDir: kept ? logs : null, recordFile, say });
}

async function temporalPart({ env, say }: StackOptions, place: Place): Promise<Temporal> {
  const chosen = env.TEMPORAL_UI_PORT ? portOf(env, 'TEMPORAL_UI_PORT') : 0;
  if (chosen !== 0) await requireFreePort(chosen, 'TEMPORAL_UI_PORT');
  return startTemporal({
    dbFile: place.kept && join(place.kept, 'temporal.db'),
    logFile: join(place.logs, 'temporal.log'),
    removeAfter: place.thrownAway,
    recordFile: place.lock?.recordFile('temporal') ?? null,
    uiPort: chosen || (await freePort()),
    say,
  });
}

function anvilPart({ mnemonic }: StackOptions, place: Place): Promise<Anvil> {
  const { kept, thrownAway, logs, lock } = place;
  return startAnvil({
    stateFile: kept && join(kept, 'anvil-state.json'),
    logFile: join(logs, 'anvil.log'),
    removeAfter: thrownAway,
    recordFile: lock?.recordFile('anvil') ?? null,
    mnemonic,
    blockTimeSeconds: BLOCK_TIME_SECONDS,
  });
}

/**
 * A port number from the environment.
 *
 * @throws an Error that names the variable
 */
export function portOf(env: NodeJS.ProcessEnv, variable: string): number {
  const value = env[variable] ?? '';
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port < 65536) return port;
  throw new Error(`${variable} must be a port number (0 to 65535), not "${value}".`);
}

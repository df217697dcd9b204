/**
 * The servers that a run lends to its test files. Each is started when the first file asks for it,
 * so that a run of one ledger test waits for Postgres alone.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Anvil, startAnvil } from '../../src/dev/stack/anvil.ts';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { findTimeSkippingServer } from '../../src/dev/stack/temporalBinary.ts';
import { registerNamespace } from './namespace.ts';
import { prepareTemplate, type TemplateDatabase } from './templateDatabase.ts';

/** What can be asked for, and what comes back. */
export interface Loans {
  database: TemplateDatabase;
  temporal: { address: string };
  namespace: { namespace: string };
  timeSkipping: { path: string };
  anvil: { rpcUrl: string };
  returnAnvil: Record<string, never>;
  leaveDatabase: Record<string, never>;
}

type Lenders = { [K in keyof Loans]: (argument: string) => Promise<Loans[K]> };

export interface Lending {
  lend: Lenders;
  /** Stops what was started, and drops what was made. */
  stop(): Promise<void>;
}

/**
 * Namespaces made as the dev server starts, where they cost nothing; each asker takes a new one.
 */
const NAMESPACES = 112;
const MNEMONIC = 'test test test test test test test test test test test junk';

/** Starts nothing yet. */
export function openLending(say: (line: string) => void): Lending {
  const stops: (() => Promise<void>)[] = [];
  const left: string[] = [];

  const database = once(async () => {
    const template = await prepareTemplate(say);
    stops.push(() => template.stop(left));
    return template.loan;
  });
  const timeSkipping = once(async () => ({ path: await findTimeSkippingServer({ say }) }));
  const { temporal, namespace } = lendTemporal(stops, say);
  const { anvil, returnAnvil } = lendAnvils(stops);
  const leaveDatabase = async (name: string) => {
    left.push(name);
    return {};
  };
  const stop = async (): Promise<void> => {
    await Promise.all(stops.map((stopOne) => stopOne()));
  };
  return {
    lend: { database, temporal, namespace, timeSkipping, anvil, returnAnvil, leaveDatabase },
    stop,
  };
}

type Stops = (() => Promise<void>)[];

function lendTemporal(stops: Stops, say: (line: string) => void) {
  const given = process.env.TEMPORAL_ADDRESS;
  const fresh = Array.from({ length: NAMESPACES }, (_, at) => `test-${at + 1}`);
  const temporal = once(async () => {
    if (given) return { address: given };
    const server = await startTemporal({
      ...logFolder(),
      dbFile: null,
      uiPort: null,
      namespaces: [...fresh],
      say,
    });
    stops.push(() => server.stop());
    return { address: server.address };
  });
  const namespace = async () => {
    const { address } = await temporal();
    const made = given ? undefined : fresh.shift();
    if (made) return { namespace: made };
    const name = `test-${randomBytes(6).toString('hex')}`;
    await registerNamespace(address, name);
    return { namespace: name };
  };
  return { temporal, namespace };
}

function lendAnvils(stops: Stops) {
  const lent = new Map<string, Anvil>();
  stops.push(async () => {
    await Promise.all([...lent.values()].map((anvil) => anvil.stop()));
  });
  const anvil = async (blockTime: string) => {
    const blockTimeSeconds = blockTime === '' ? null : Number(blockTime);
    const options = { stateFile: null, mnemonic: MNEMONIC, blockTimeSeconds };
    const started = await startAnvil({ ...logFolder(), ...options });
    lent.set(started.rpcUrl, started);
    return { rpcUrl: started.rpcUrl };
  };
  const returnAnvil = async (rpcUrl: string) => {
    await lent.get(rpcUrl)?.stop();
    lent.delete(rpcUrl);
    return {};
  };
  return { anvil, returnAnvil };
}

/** A log in a folder that goes with its server, also when this process is killed. */
function logFolder(): { logFile: string; removeAfter: string } {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-log-'));
  return { logFile: join(folder, 'server.log'), removeAfter: folder };
}

/** Starts at the first call; later calls share what came of it, also a failure. */
function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => {
    started ??= start();
    return started;
  };
}

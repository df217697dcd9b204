/**
 * Lends servers to the test files of one run. It lives in vitest's main process, and starts each
 * server when the first test file asks for it, so that a run of one ledger test waits for Postgres
 * alone. Test files ask over HTTP, because each runs in a process of its own.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Anvil, startAnvil } from '../../src/dev/stack/anvil.ts';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { findTimeSkippingServer } from '../../src/dev/stack/temporalBinary.ts';
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

/** Namespaces made when the dev server starts; each test file that asks takes one for itself. */
const NAMESPACES = 64;
const MNEMONIC = 'test test test test test test test test test test test junk';

export interface Broker {
  url: string;
  stop(): Promise<void>;
}

/** Opens the broker on 127.0.0.1. Its URL holds a secret, because the answers hold passwords. */
export async function startBroker(say: (line: string) => void): Promise<Broker> {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-tests-'));
  const stops: (() => Promise<void>)[] = [];
  const anvils = new Map<string, Anvil>();
  const left: string[] = [];
  let namespacesTaken = 0;

  const database = once(async () => {
    const template = await prepareTemplate(say);
    stops.push(() => template.stop(left));
    return template.loan;
  });
  const temporal = once(async () => {
    const given = process.env.TEMPORAL_ADDRESS;
    if (given) return { address: given };
    const namespaces = Array.from({ length: NAMESPACES }, (_, i) => `test-${i + 1}`);
    const logFile = join(scratch, 'temporal.log');
    const server = await startTemporal({ dbFile: null, logFile, uiPort: null, namespaces, say });
    stops.push(() => server.stop());
    return { address: server.address };
  });
  const timeSkipping = once(async () => ({ path: await findTimeSkippingServer({ say }) }));

  const lend: { [K in keyof Loans]: (argument: string) => Promise<Loans[K]> } = {
    database,
    temporal,
    timeSkipping,
    namespace: async () => {
      await temporal();
      namespacesTaken += 1;
      if (process.env.TEMPORAL_ADDRESS)
        return { namespace: `test-${randomBytes(6).toString('hex')}` };
      if (namespacesTaken > NAMESPACES) throw new Error('More test namespaces asked than made.');
      return { namespace: `test-${namespacesTaken}` };
    },
    anvil: async (blockTime) => {
      const logFile = join(scratch, `anvil-${anvils.size + 1}.log`);
      const blockTimeSeconds = blockTime === '' ? null : Number(blockTime);
      const options = { stateFile: null, logFile, mnemonic: MNEMONIC, blockTimeSeconds };
      const anvil = await startAnvil(options);
      anvils.set(anvil.rpcUrl, anvil);
      return { rpcUrl: anvil.rpcUrl };
    },
    returnAnvil: async (rpcUrl) => {
      await anvils.get(rpcUrl)?.stop();
      return {};
    },
    leaveDatabase: async (name) => {
      left.push(name);
      return {};
    },
  };

  const secret = randomBytes(16).toString('hex');
  const server = createServer((request, response) => {
    const [, key, what, argument = ''] = (request.url ?? '').split('/');
    const give = key === secret ? lend[what as keyof Loans] : undefined;
    const answer = (status: number, body: unknown) =>
      response.writeHead(status).end(JSON.stringify(body));
    if (!give) return answer(404, { error: 'nothing of that name is lent here' });
    give(decodeURIComponent(argument)).then(
      (loan) => answer(200, loan),
      (error: Error) => answer(500, { error: error.message }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/${secret}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      const all = [...anvils.values()].map((anvil) => () => anvil.stop()).concat(stops);
      await Promise.all(all.map((stop) => stop()));
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

/** Starts at the first call; later calls share what came of it, also a failure. */
function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => {
    started ??= start();
    return started;
  };
}

/** What one storm rages in: a database, a chain behind a faulty door, the service's processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mnemonicToAccount } from 'viem/accounts';
import { connectRpc, type Rpc } from '../../chains/evm/rpc.ts';
import { type FaultProxy, startProxy } from '../../chains/faults/proxy.ts';
import { createPool } from '../../db/pool.ts';
import { createLog } from '../../observability/log.ts';
import { hotWalletAddress } from '../../withdrawals/developmentKeys.ts';
import { compileContract } from '../chain/compile.ts';
import { payoutAddress } from '../chain/payout.ts';
import { seedLocalChain } from '../chain/seedLocalChain.ts';
import { deploy } from '../chain/token.ts';
import { newAdminKey } from '../settings.ts';
import { startAnvil } from '../stack/anvil.ts';
import { batchEnv } from './batches.ts';
import { type Broken, breakDatabase } from './broken.ts';
import { type Client, createClient } from './client.ts';
import { copyTemplate, type StormDatabase } from './database.ts';
import { createDice, type Dice } from './dice.ts';
import { createGate, type Gate } from './gate.ts';
import { CHAIN_HOOKS } from './hookSenders.ts';
import { MNEMONIC } from './keys.ts';
import { hasOtherNode, type OtherNode, startOtherNode } from './otherNode.ts';
import { createService, type Service } from './service.ts';
import { APPROVERS } from './shop.ts';
import { type Contracts, createStrangers, type Strangers } from './strangers.ts';
import { createWeather, EPOCH_SLOTS, type Weather } from './weather.ts';

const SPLITTER = new URL('../../../test/chains/contracts/Splitter.sol', import.meta.url);
/** What the strangers and their contract have of the token. */
const MANY = 10n ** 15n;
const PATIENCE_MS = 180_000;

/** Servers that storms share: each seed has a database, a namespace and a chain of its own. */
export interface StormServers {
  adminUrl: string;
  /** Name of the migrated database to copy. */
  template: string;
  temporalAddress: string;
  /** A namespace that nobody uses. */
  namespace(): Promise<string>;
}

export interface StormWorld {
  seed: number;
  dice: Dice;
  database: StormDatabase;
  namespace: string;
  temporalAddress: string;
  /** The node itself, with no faults in between. */
  rpc: Rpc;
  nodeUrl: string;
  weather: Weather;
  strangers: Strangers;
  contracts: Contracts;
  /** The block as of which the hot wallet's own coins were booked. */
  since: number;
  hot: string;
  proxy: FaultProxy;
  /** Nobody asks either node while its chain is changed. */
  gate: Gate;
  /** A second node; null: the seed has one. */
  other: OtherNode | null;
  /** Calls that a fault struck, by kind. */
  strikes: Map<string, number>;
  services: Service[];
  client: Client;
  /** Folder of the processes' logs. */
  home: string;
  /** @param keep leaves database and logs for somebody to look at */
  close(keep: boolean): Promise<void>;
}

/** Starts everything for one seed. */
export async function openWorld(
  servers: StormServers,
  seed: number,
  broken: Broken | null,
): Promise<StormWorld> {
  const ends: (() => Promise<unknown>)[] = [];
  const home = mkdtempSync(join(tmpdir(), `holdfast-storm-${seed}-`));
  const close = async (keep: boolean): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end().catch(() => {});
    if (!keep) rmSync(home, { recursive: true, force: true });
  };
  try {
    return { ...(await fill(servers, seed, broken, home, ends)), close };
  } catch (error) {
    await close(false);
    throw error;
  }
}

async function fill(
  servers: StormServers,
  seed: number,
  broken: Broken | null,
  home: string,
  ends: (() => Promise<unknown>)[],
): Promise<Omit<StormWorld, 'close'>> {
  const dice = createDice(seed);
  const { temporalAddress } = servers;
  const [database, namespace, anvil] = await Promise.all([
    copyTemplate(servers.adminUrl, servers.template, seed),
    servers.namespace(),
    startAnvil({
      stateFile: null,
      logFile: join(home, 'anvil.log'),
      mnemonic: MNEMONIC,
      blockTimeSeconds: null,
      epochSlots: EPOCH_SLOTS,
    }),
  ]);
  ends.push(
    () => database.close(),
    () => anvil.stop(),
  );
  if (broken !== null) await breakDatabase(database, broken);
  const rpc = connectRpc(anvil.rpcUrl);
  const { contracts, since } = await prepareChain(database.url, anvil.rpcUrl, rpc);
  const strangers = createStrangers(rpc, MNEMONIC, contracts);
  for (const address of [...strangers.addresses, contracts.splitter]) {
    await rpc('anvil_dealERC20', address, contracts.usdx, `0x${MANY.toString(16)}`);
  }
  const gate = createGate();
  const upstreams: [string, ...string[]] = [anvil.rpcUrl];
  const other = hasOtherNode(seed)
    ? await startOtherNode(anvil.rpcUrl, join(home, 'other-anvil.log'), upstreams, () => proxy)
    : null;
  ends.push(async () => other?.stop());
  const weather = await createWeather(rpc, dice, gate, (keeps, highest) =>
    other?.beforeChange(keeps, highest),
  );
  await weather.mine(3 * EPOCH_SLOTS);
  const strikes = new Map<string, number>();
  const onStrike = (_: string, kinds: string[]) => {
    for (const kind of kinds) strikes.set(kind, (strikes.get(kind) ?? 0) + 1);
  };
  const proxy = await startProxy({ upstreams, seed, onStrike, enter: gate.enter });
  ends.push(() => proxy.stop());
  const adminKey = newAdminKey();
  const env = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: temporalAddress,
    TEMPORAL_NAMESPACE: namespace,
    CHAIN_RPC_URL: proxy.url,
    CHAIN_START_BLOCK: '0',
    CHAIN_POLL_MS: '100',
    COLLECT_EVERY_MS: '500',
    CHAIN_HOOKS,
    HOLDFAST_ADMIN_KEY: adminKey,
    HOLDFAST_DEV_MNEMONIC: MNEMONIC,
    LOG_LEVEL: 'warn',
    ...batchEnv(seed, contracts.payout),
  };
  const services = [
    await createService({ name: 'api', roles: ['api', 'worker'], home, env }),
    await createService({ name: 'watcher', roles: ['worker', 'watcher'], home, env }),
  ];
  ends.push(() => Promise.all(services.map((service) => service.stop())));
  await Promise.all(services.map((service) => service.start()));
  const keys = new Map([['admin', adminKey]]);
  const client = createClient(services[0]?.url ?? '', keys, PATIENCE_MS);
  for (const name of ['storm', 'desk', ...APPROVERS]) {
    const scopes = ['read', 'transfer', 'operate'];
    const made = await client.send('POST', '/v1/api-keys', { name, client: name, scopes });
    keys.set(name, made.body.key);
  }
  const hot = hotWalletAddress(MNEMONIC);
  return {
    ...{ seed, dice, database, namespace, temporalAddress, rpc, weather, strangers, contracts },
    ...{ since, nodeUrl: anvil.rpcUrl, hot, proxy, gate, other, strikes, services, client, home },
  };
}

/** Compiled once for all seeds: it takes a second. */
let splitterCode: `0x${string}` | undefined;

/** The token and the contract that pays by inner calls; from here on blocks come when asked for. */
async function prepareChain(
  databaseUrl: string,
  rpcUrl: string,
  rpc: Rpc,
): Promise<{ contracts: Contracts; since: number }> {
  const db = createPool({ databaseUrl, size: 2, applicationName: 'storm' });
  try {
    const config = { mnemonic: MNEMONIC };
    await seedLocalChain({ rpcUrl, db, config, log: createLog('silent'), payout: true });
    const since = Number(await rpc('eth_blockNumber'));
    const { rows } = await db.query<{ contract: string }>(
      "select contract from assets where code = 'USDX'",
    );
    const usdx = (rows[0]?.contract ?? '').toLowerCase();
    const deployer = mnemonicToAccount(MNEMONIC, { path: "m/44'/60'/0'/0/1" });
    splitterCode ??= compileContract(SPLITTER, 'Splitter').bytecode;
    const splitter = (await deploy(rpcUrl, deployer, splitterCode)).toLowerCase();
    await rpc('anvil_setBalance', splitter, `0x${(10n ** 21n).toString(16)}`);
    await rpc('evm_setAutomine', false);
    return { contracts: { usdx, splitter, payout: payoutAddress(MNEMONIC).toLowerCase() }, since };
  } finally {
    await db.end();
  }
}

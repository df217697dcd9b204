/** The composition root: what a process of Holdfast is made of, by its roles. */
import { createChainActivities } from '../activities/chainActivities.ts';
import { createCustodyActivities } from '../activities/custodyActivities.ts';
import { createApp } from './api/app.ts';
import { createProbes } from './api/probes.ts';
import { startServer } from './api/server.ts';
import { type ChainConnection, connectChain } from './chains/connection.ts';
import { createChainDoor } from './chains/door.ts';
import { requireXpub } from './chains/evm/addresses.ts';
import { observeReconciliations } from './chains/reconcileMetrics.ts';
import { type CollectDeps, createCollector } from './collection/collect.ts';
import { observeTreasury } from './collection/treasuryFigures.ts';
import { type Config, readConfig } from './config.ts';
import type { ChainDoor } from './contracts/chain.ts';
import { SIGNAL } from './contracts/sagas.ts';
import { connectCustodians, custodiansOf } from './custody/connect.ts';
import { isCustodyOpen } from './custody/custodyTables.ts';
import { createLostFollower } from './custody/followLost.ts';
import { migrate } from './db/migrate.ts';
import { createPool, type Db, type Pool } from './db/pool.ts';
import { createHookDoor } from './hooks/door.ts';
import { observeHooks } from './hooks/hookMetrics.ts';
import { startHookReader } from './hooks/reader.ts';
import { checkpoint } from './ledger/checkpoint.ts';
import { endOrPatience } from './ledger/crowd.ts';
import { requireRiskCheck } from './ledger/recordRisk.ts';
import { queueSteps } from './ledger/stepQueue.ts';
import { requireTransactionCounter } from './ledger/transactionCounter.ts';
import { createLog, type Log } from './observability/log.ts';
import { createMetrics, type Metrics } from './observability/metrics.ts';
import { observeOverdueGroups } from './observability/overdueMetrics.ts';
import { patientDb } from './observability/patientDb.ts';
import { observePayoutRuns } from './observability/payoutMetrics.ts';
import { startSealer } from './seals/sealer.ts';
import { observeSeals } from './seals/sealMetrics.ts';
import { encryptingConverter, readCodecKeys } from './temporal/codec.ts';
import { type Sagas, startSagas } from './temporal/sagas.ts';
import { startLoop } from './watchers/loop.ts';
import { observeReorgs } from './watchers/reorgMetrics.ts';
import { startWatcher } from './watchers/watcher.ts';
import { createWatcherMetrics } from './watchers/watcherMetrics.ts';
import { startDispatcher } from './webhooks/dispatcher.ts';
import { createDeliveryCounter, observeWebhooks } from './webhooks/webhookMetrics.ts';
import { createBatcher } from './withdrawals/batch.ts';
import { depositXpub } from './withdrawals/developmentKeys.ts';
import {
  connectMnemonicSigner,
  connectRemoteSigner,
  refuseMainNet,
} from './withdrawals/hotWallet.ts';
import { createRiskCheck, type RiskCheck } from './withdrawals/riskCheck.ts';
import { observeWithdrawals } from './withdrawals/withdrawalMetrics.ts';

export interface Holdfast {
  /** Where the API listens, such as `http://127.0.0.1:3000`. */
  apiUrl: string;
  /** Rejects when a part of this process could not go on. */
  ended: Promise<void>;
  /** Answers who still waits, finishes the steps under way, then closes every connection. */
  stop(): Promise<void>;
}

/** For the database to close its connections, which one that is frozen never does. */
const FAREWELL_MS = 2_000;
/** Entries of so many seconds are quickly added up. */
const CHECKPOINT_EVERY_MS = 5_000;

/**
 * Migrates the database and starts what `config.roles` names.
 *
 * @throws an Error that names the part that did not start and what to do
 */
export async function startHoldfast(config: Config, { log }: { log: Log }): Promise<Holdfast> {
  const stops: (() => Promise<void>)[] = [];
  // The last started first: the door closes before what stands behind it.
  const stop = () => stopAll(stops.splice(0).reverse(), log);
  try {
    const applied = await migrate(config.databaseUrl, (risk) => log.warn(risk));
    if (applied.length > 0) log.info({ applied }, 'Migrated the database');
    const db = connect(config);
    stops.push(() => endOrPatience(db.end(), FAREWELL_MS));
    await requireTransactionCounter(db);
    const metrics = createMetrics();
    metrics.observePool('service', db);
    observeBooks(metrics, db);
    const traces = config.chainTraces ?? undefined;
    const chain = config.chainRpcUrl === null ? null : connectChain(config.chainRpcUrl, { traces });
    const signer = chain && signerOf(config, db, chain);
    if (signer && config.roles.has('worker')) await refuseMainNet(signer);
    const sagas = await startSagas({
      db: queueSteps(db),
      log,
      ...temporalOf(config),
      work: config.roles.has('worker'),
      risk: await openRiskCheck(config, db, metrics),
      dataConverter: encryptingConverter(readCodecKeys(config.codecKeys)),
      ...(config.buildId !== null && { buildId: config.buildId }),
      ...(await outsideWork(config, { db, chain, signer, log })),
    });
    stops.push(() => sagas.stop());
    if (chain !== null && config.roles.has('watcher')) {
      observeReorgs(metrics.registry, patientDb(db));
      const watcher = await startWatcher({
        db,
        chain,
        client: sagas.client,
        log,
        metrics: createWatcherMetrics(metrics.registry),
        identity: config.identity,
        startBlock: config.chainStartBlock,
        pollMs: config.chainPollMs,
        ...openersOf(config, { db, chain, log }),
      });
      stops.push(() => watcher.stop());
      observeHooks(metrics.registry, patientDb(db));
      const pollMs = config.chainPollMs;
      const reader = startHookReader({ db, chain, log, pollMs, wake: wakerOf(db, sagas) });
      stops.push(() => reader.stop());
    }
    const webhooks = await tellOthers(config, { db, log, metrics });
    stops.push(() => webhooks.stop());
    stops.push(sealEntries(config, { db, log, metrics }));
    stops.push(keepCheckpoints(config, { db, log, metrics }));
    const door = chain && openDoor(config, db, chain);
    const deps = { db, gateway: sagas.gateway, chain: door, log, metrics };
    const app = config.roles.has('api')
      ? createApp({ ...deps, hooks: openHookDoor(config, deps), config })
      : createProbes(deps);
    const server = await startServer(app, config);
    stops.push(() => server.stop());
    log.info({ url: server.url, roles: [...config.roles] }, 'Holdfast is up');
    return { apiUrl: server.url, ended: sagas.ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** One part that does not stop would leave the others open, and the process would stay for ever. */
async function stopAll(stops: (() => Promise<void>)[], log: Log): Promise<void> {
  for (const end of stops) {
    await end().catch((error) => log.error({ err: error }, 'A part did not stop'));
  }
}

function connect({ databaseUrl, poolSize: size, roles }: Config): Pool {
  return createPool({ databaseUrl, size, applicationName: `holdfast ${[...roles].join(',')}` });
}

/** What every process tells of the books, so that any one of them can be asked. */
function observeBooks({ registry }: Metrics, db: Db): void {
  const patient = patientDb(db);
  observeWithdrawals(registry, patient);
  observeOverdueGroups(registry, patient);
  observePayoutRuns(registry, patient);
  observeReconciliations(registry, patient);
  observeTreasury(registry, patient);
}

/** Where the sagas live, and how many of them here. */
function temporalOf(config: Config) {
  const { identity, temporalUi, sagasInMemory } = config;
  const { temporalAddress: address, temporalNamespace: namespace } = config;
  return { address, namespace, identity, temporalUi, sagasInMemory };
}

interface OutsideDeps {
  db: Db;
  chain: ChainConnection | null;
  signer: ReturnType<typeof signerOf> | null;
  log: Log;
}

/** What a worker does on a chain and with custodians; other roles do nothing there. */
async function outsideWork(config: Config, { db, chain, signer, log }: OutsideDeps) {
  const { roles, paying, finalityStallSeconds } = config;
  if (!roles.has('worker')) return {};
  const custodians = await connectCustodians(db, config.custodians);
  const custody = createCustodyActivities({ db, custodians, chain, log });
  if (chain === null || signer === null) {
    return custodians.size === 0 ? {} : { chainActivities: custody };
  }
  const work = createChainActivities({ db, chain, signer, log, ...paying, finalityStallSeconds });
  return { chainActivities: { ...work, ...custody } };
}

/** Who looks what is to be collected, what is paid together, and what custodians have lost. */
function openersOf(config: Config, deps: Omit<CollectDeps, 'feeCap'>) {
  const { paying, collectEveryMs, custodians } = config;
  const { batches, feeCap } = paying;
  return {
    custody: createLostFollower({ ...deps, custodians: custodiansOf(custodians) }),
    collect: createCollector({ ...deps, feeCap }, collectEveryMs),
    ...(batches && { batch: createBatcher({ ...deps, ...paying, batches }) }),
  };
}

/** A custodian's hook is a hint to the payment's saga, which also asks by itself. */
function wakerOf(db: Db, { client }: Sagas) {
  return async (paymentId: string) => {
    if (!(await isCustodyOpen(db, paymentId))) return;
    await client.workflow
      .getHandle(paymentId)
      .signal(SIGNAL.chainChanged)
      .catch(() => {});
  };
}

/** A process that is told of a signer holds no key. */
function signerOf({ signer, mnemonic }: Config, db: Db, chain: ChainConnection) {
  return signer
    ? connectRemoteSigner(db, chain, signer)
    : connectMnemonicSigner(db, chain, mnemonic);
}

/** Deposit addresses come from an account key, so that no process of the API needs a mnemonic. */
function openDoor(config: Config, db: Db, chain: ChainConnection): ChainDoor {
  const xpub = config.depositXpub ?? depositXpub(config.mnemonic);
  requireXpub(xpub);
  const { finalityStallSeconds } = config;
  return createChainDoor({ db, chain, xpub, finalityStallSeconds });
}

/** Without a chain nobody would look where hooks point: then no source is known. */
function openHookDoor({ hookSources, chainRpcUrl }: Config, deps: HookDeps) {
  const { db, log, metrics } = deps;
  if (chainRpcUrl === null) return null;
  return createHookDoor({ db, sources: hookSources, log, registry: metrics.registry });
}

/** Webhooks go out from the workers; other roles tell nobody. */
function tellOthers(config: Config, { db, log, metrics: { registry } }: HookDeps) {
  const isWorker = config.roles.has('worker');
  const webhooks = isWorker ? config.webhooks : {};
  observeWebhooks(registry, patientDb(db));
  const counter = createDeliveryCounter(registry);
  return startDispatcher({ db, log, webhooks, counter, ...(!isWorker && { unnamed: null }) });
}

/** Entries are sealed by the workers, whichever of them does it. Answers how to stop. */
function sealEntries({ roles, sealEveryMs }: Config, { db, log, metrics }: HookDeps) {
  if (!roles.has('worker')) return async () => {};
  observeSeals(metrics.registry, patientDb(db));
  if (sealEveryMs === null) return async () => {};
  const sealer = startSealer({ db, log, everyMs: sealEveryMs });
  return () => sealer.stop();
}

/** A system wallet's balance is its checkpoint and what came since: some seconds, not all. */
function keepCheckpoints({ roles }: Config, { db, log }: HookDeps) {
  if (!roles.has('worker')) return async () => {};
  const loop = startLoop({
    turn: async () => (await checkpoint(db)).isMore,
    pauseMs: CHECKPOINT_EVERY_MS,
    onFailure: (error) => {
      log.warn({ loop: 'checkpoints', reason: (error as Error).message }, 'will try again');
    },
  });
  return () => loop.stop();
}

interface HookDeps {
  db: Db;
  log: Log;
  metrics: Metrics;
}

/** Workers say whether withdrawals need a verdict; one that was told nothing changes nothing. */
async function openRiskCheck(
  { risk, roles }: Config,
  db: Db,
  { registry }: Metrics,
): Promise<RiskCheck | null> {
  if (risk === null || !roles.has('worker')) return null;
  await requireRiskCheck(db, risk !== 'off');
  return risk === 'off' ? null : createRiskCheck({ ...risk, registry });
}

/** Runs one process until SIGINT or SIGTERM, or until a part of it fails. */
async function main(): Promise<void> {
  const config = readConfig();
  const log = createLog(config.logLevel);
  const holdfast = await startHoldfast(config, { log });
  const asked = new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
  try {
    await Promise.race([asked, holdfast.ended]);
  } finally {
    await holdfast.stop();
  }
}

if (import.meta.main) {
  main().catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}

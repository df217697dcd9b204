/** The real parts behind the corpus's sagas of a chain: anvil, watcher, signer, custodian. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createChainActivities } from '../../activities/chainActivities.ts';
import { createCustodyActivities } from '../../activities/custodyActivities.ts';
import {
  createProvider,
  type Provider,
  type ProviderOptions,
} from '../../examples/custodial-provider/server.ts';
import { walletOf } from '../../examples/custodial-provider/wallet.ts';
import { type ChainConnection, connectChain } from '../../src/chains/connection.ts';
import { handOutAddress } from '../../src/chains/depositAddresses.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { createCollector } from '../../src/collection/collect.ts';
import type { BatchSettings } from '../../src/contracts/batches.ts';
import { readCustodians } from '../../src/contracts/custodians.ts';
import { groupId, stepKey } from '../../src/contracts/ids.ts';
import type { Group } from '../../src/contracts/resources.ts';
import { connectCustodians } from '../../src/custody/connect.ts';
import type { Db } from '../../src/db/pool.ts';
import { seedLocalChain } from '../../src/dev/chain/seedLocalChain.ts';
import { startAnvil } from '../../src/dev/stack/anvil.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import type { Log } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import type { Sagas } from '../../src/temporal/sagas.ts';
import { startWatcher } from '../../src/watchers/watcher.ts';
import { createWatcherMetrics } from '../../src/watchers/watcherMetrics.ts';
import { createBatcher } from '../../src/withdrawals/batch.ts';
import { depositXpub } from '../../src/withdrawals/developmentKeys.ts';
import { connectMnemonicSigner } from '../../src/withdrawals/hotWallet.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { PAYOUT } from '../chains/batchWorld.ts';
import { MNEMONIC, type Node, openNode } from '../chains/node.ts';
import { leg, transferInput } from './inputs.ts';

/** Native coins that a custodian holds. */
export const CUSTODY_ASSET = 'ETH.C';
const TOKEN = 'the-token-of-the-custodian';
const WAIT_MS = 60_000;
/** Nothing is replaced by itself. */
const PAYING = { stuckAfterSeconds: 600, bumpAfterSeconds: null, feeCap: null, inFlight: 100 };
/** Two fill it, so they go at once. */
const BATCHES: BatchSettings = { contract: PAYOUT, waitSeconds: 30, size: 2 };
/** Between two looks for what is due to be collected. */
const COLLECT_EVERY_MS = 200;

export interface ChainCorpus {
  db: Db;
  node: Node;
  provider: Provider;
  /** CAIP-2. */
  chain: string;
  activities: object;
  /** Whether withdrawals whose turn comes from now on wait for others. */
  payTogether(on: boolean): void;
  /** Follows the chain for these sagas until the corpus stops. */
  watch(sagas: Sagas): Promise<void>;
  /** A wallet and its deposit address. */
  wallet(id: string, asset: string): Promise<string>;
  /** Out of the treasury or, for what a custodian holds, from outside. */
  fund(wallet: string, asset: string, amount: string): Promise<void>;
  groupWhen(id: string, satisfies: (group: Group) => boolean): Promise<Group>;
  /** As an operator who has looked at the chain, which stands still. */
  letGoOn(): Promise<void>;
  /** Mines block after block until the group has ended. */
  mineUntilEnded(id: string): Promise<void>;
  stop(): Promise<void>;
}

/** Starts all but the watcher, which needs the sagas. */
export async function openChainCorpus(db: Db, log: Log): Promise<ChainCorpus> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-corpus-'));
  const anvil = await startAnvil({
    stateFile: null,
    logFile: join(folder, 'anvil.log'),
    removeAfter: folder,
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
  });
  const { rpcUrl } = anvil;
  await seedLocalChain({ rpcUrl, db, config: { mnemonic: MNEMONIC }, log, payout: true });
  const chain = connectChain(rpcUrl);
  const port = await chain();
  const pay = walletOf({ mnemonic: MNEMONIC, rpcUrl });
  const { provider, custodians } = await openCustodian(db, port.chain, pay);
  const signer = connectMnemonicSigner(db, chain, MNEMONIC);
  await signer();
  const paying: PayDeps = { db, chain, signer, log, ...PAYING };
  const stops: (() => Promise<void>)[] = [];
  return {
    db,
    node: openNode(rpcUrl),
    provider,
    chain: port.chain,
    activities: {
      ...createChainActivities(paying),
      ...createCustodyActivities({ db, custodians, chain, log }),
    },
    payTogether(on) {
      paying.batches = on ? BATCHES : null;
    },
    async watch({ client }) {
      const watcher = await startWatcher({
        db,
        chain,
        client,
        log,
        metrics: createWatcherMetrics(createMetrics().registry),
        identity: 'corpus',
        startBlock: 0n,
        pollMs: 100,
        collect: createCollector({ db, chain, log, feeCap: null }, COLLECT_EVERY_MS),
        batch: createBatcher({ ...paying, batches: BATCHES }),
      });
      stops.push(() => watcher.stop());
    },
    async wallet(id, asset) {
      await createWallet(db, { id, owner: id, asset });
      if (asset === CUSTODY_ASSET) return '';
      const xpub = depositXpub(MNEMONIC);
      return (await handOutAddress(db, xpub, { wallet: id, fresh: false })).address.address;
    },
    fund: fund.bind(null, db),
    groupWhen: groupWhen.bind(null, db),
    letGoOn: letGoOn.bind(null, db, chain),
    async mineUntilEnded(id) {
      for (const until = Date.now() + WAIT_MS; Date.now() < until; ) {
        const group = await groupWhen(db, id, () => true);
        if (group.status !== 'IN_PROGRESS') return;
        await openNode(rpcUrl).mine();
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      throw new Error(`${id} does not end`);
    },
    async stop() {
      for (const stop of stops) await stop();
      provider.server.closeAllConnections();
      provider.server.close();
      await anvil.stop();
    },
  };
}

/** Pays when it is told to. */
async function openCustodian(db: Db, chain: string, pay: ProviderOptions['pay']) {
  const provider = createProvider({ token: TOKEN, payAtOnce: false, pay });
  const { server } = provider;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  await createAsset(db, { code: CUSTODY_ASSET, scale: 18 });
  const faults: string[] = [];
  const settings = {
    url: `http://127.0.0.1:${address.port}`,
    token: TOKEN,
    failureGraceSeconds: 0,
    assets: { [CUSTODY_ASSET]: { chain } },
  };
  const custodians = readCustodians(JSON.stringify({ corpus: settings }), faults);
  if (faults.length > 0) throw new Error(faults.join(' '));
  return { provider, custodians: await connectCustodians(db, custodians) };
}

async function fund(db: Db, wallet: string, asset: string, amount: string): Promise<void> {
  const from = asset === CUSTODY_ASSET ? `external:${asset}` : `treasury:${asset}`;
  const key = `fund-${wallet}`;
  const legs = [leg(from, 'DEBIT', amount), leg(wallet, 'CREDIT', amount)];
  const funded = await openTransfer(db, {
    ...transferInput(key, legs),
    groupId: groupId('transfer', 'admin', key),
    stepKey: stepKey('create', 'admin', key),
    actor: { name: 'admin', admin: true },
  });
  if (funded.outcome !== 'done') throw new Error(`${wallet} is not funded`);
}

async function letGoOn(db: Db, chain: ChainConnection): Promise<void> {
  const door = createChainDoor({ db, chain, xpub: depositXpub(MNEMONIC) });
  for (const until = Date.now() + WAIT_MS; (await door.missing()) === null; ) {
    if (Date.now() > until) throw new Error('the chain does not stand still');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [told] = await door.chains();
  const at = { from: told?.cursor ?? 0, to: null };
  const asked = { at, requestedBy: 'ann', reason: 'looked at it', liftHalts: true };
  await door.rescan({ chain: told?.chain ?? '', ...asked });
}

async function groupWhen(db: Db, id: string, satisfies: (group: Group) => boolean) {
  let group: Group | null = null;
  for (const until = Date.now() + WAIT_MS; Date.now() < until; ) {
    group = await readGroup(db, id);
    if (group && satisfies(group)) return group;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${id}: still ${JSON.stringify(group)}`);
}

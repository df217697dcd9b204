/**
 * `npm run bench watcher`: how many blocks a second a watcher reads and stores while it catches up,
 * on an anvil of its own and a Postgres of its own with its default, durable settings. Every block
 * is then looked for in the database, in its place, and every deposit.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { handOutAddress } from '../src/chains/depositAddresses.ts';
import { connectEvm } from '../src/chains/evm/adapter.ts';
import { connectRpc } from '../src/chains/evm/rpc.ts';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Pool } from '../src/db/pool.ts';
import { seedLocalChain } from '../src/dev/chain/seedLocalChain.ts';
import { startAnvil } from '../src/dev/stack/anvil.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { MNEMONIC } from '../src/dev/storm/keys.ts';
import { createWallet } from '../src/ledger/wallets.ts';
import { createLog } from '../src/observability/log.ts';
import { createFollower } from '../src/watchers/follow.ts';
import { depositXpub } from '../src/withdrawals/developmentKeys.ts';
import { STRANGER } from './chainStack.ts';
import type { Tell } from './report.ts';

const log = createLog('silent');

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      blocks: { type: 'string', default: '10000' },
      /** A block with a deposit after so many others. */
      every: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '1' },
    },
  });
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  const anvil = await startAnvil({
    stateFile: null,
    logFile: join(home, 'anvil.log'),
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
  });
  try {
    await migrate(postgres.databaseUrl);
    const db = createPool({ databaseUrl: postgres.databaseUrl, size: 5, applicationName: 'bench' });
    try {
      const blocks = Number(values.blocks);
      const every = Number(values.every);
      const rates = await measure(db, anvil.rpcUrl, blocks, every, Number(values.rounds));
      const title = `catching up on ${blocks} blocks, a deposit in one of ${every}; all looked for`;
      tell({ title, rows: [{ name: 'watcher', unit: 'blocks/s', rounds: rates }] });
    } finally {
      await db.end();
    }
  } finally {
    await anvil.stop();
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Blocks a second, a figure a round. */
async function measure(
  db: Pool,
  rpcUrl: string,
  blocks: number,
  every: number,
  rounds: number,
): Promise<number[]> {
  await seedLocalChain({ rpcUrl, db, config: { mnemonic: MNEMONIC }, log });
  await createWallet(db, { id: 'alice', owner: 'alice', asset: 'ETH' });
  const xpub = depositXpub(MNEMONIC);
  const { address } = await handOutAddress(db, xpub, { wallet: 'alice', fresh: false });
  const port = await connectEvm(rpcUrl);
  const watch = { chain: port.chain, holder: 'bench' };
  const turn = createFollower({ db, port, watch, startHeight: null, log });
  const catchUp = async () => {
    for (;;) {
      const { turn: found } = await turn();
      if (found !== 'behind') return found;
    }
  };
  await catchUp();
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const first = (await port.head()).height + 1;
    const deposits = await mine(rpcUrl, address.address, blocks, every);
    const began = performance.now();
    await catchUp();
    const seconds = (performance.now() - began) / 1000;
    const last = (await port.head()).height;
    await check(db, first, last, deposits * (round + 1));
    rates.push((last - first + 1) / seconds);
  }
  return rates;
}

/** Mines blocks, some of them with a deposit; answers with how many. */
async function mine(rpcUrl: string, to: string, blocks: number, every: number): Promise<number> {
  const rpc = connectRpc(rpcUrl);
  await rpc('evm_setAutomine', false);
  let deposits = 0;
  for (let mined = 0; mined < blocks; mined += every) {
    await rpc('eth_sendTransaction', { from: STRANGER, to, value: '0xde0b6b3a7640' });
    await rpc('anvil_mine', `0x${Math.min(every, blocks - mined).toString(16)}`);
    deposits += 1;
  }
  return deposits;
}

/** Throws where a block was left out, or does not stand on the one below it. */
async function check(db: Pool, first: number, last: number, deposits: number): Promise<void> {
  const { rows } = await db.query<{ blocks: number; broken: number; seen: number }>(
    `select count(*)::integer as blocks,
       count(*) filter (where p.hash is distinct from b.parent_hash)::integer as broken,
       (select count(*)::integer from chain_inclusions where canonical) as seen
     from chain_blocks b
     left join chain_blocks p on p.chain = b.chain and p.height = b.height - 1 and p.canonical
     where b.canonical and b.height between $1 and $2`,
    [first, last],
  );
  const [found] = rows;
  if (found?.blocks !== last - first + 1 || found.broken > 0 || found.seen !== deposits) {
    throw new Error(`Of blocks ${first} to ${last} the database has ${JSON.stringify(found)}`);
  }
}

/** `holdfast reconcile`: compares the books with the chain, and says what to do about drift. */
import { parseArgs } from 'node:util';
import { type ChainConnection, connectChain } from '../chains/connection.ts';
import { reconcileChain } from '../chains/reconcile.ts';
import { runReconciliation, setTolerance } from '../chains/reconcileRun.ts';
import { createPool, type Pool } from '../db/pool.ts';
import { reconcile } from '../ledger/reconcile.ts';
import { createLog } from '../observability/log.ts';
import { addressesOf, type Command, reasonOf, UsageFault } from './command.ts';
import { type Found, tellAll } from './reconcileTable.ts';

const HELP = `holdfast reconcile [--look] [--json]
       holdfast reconcile --tolerate ASSET --missing AMOUNT [--surplus AMOUNT]

Compares what our addresses have at the highest final block with what the books say, term by term
and address by address, and sums up the books themselves.

It notes what it found, and pauses the withdrawals of each asset that is off by more than it may be,
as the schedule holdfast-reconcile does. With --look it changes nothing.

  --look            only looks
  --json            prints all that it found as JSON
  --tolerate ASSET  sets what the asset may be off by before its withdrawals are paused
    --missing AMOUNT  more missing than this pauses; 0 unless it was said
    --surplus AMOUNT  more too many than this pauses; left out: coins too many never do

Exit code: 0 all agrees, 1 something is off, 2 the chain or the database could not be read.

Reads DATABASE_URL and CHAIN_RPC_URL.`;

/** Who the pauses and tolerances of this command are noted as made by. */
const BY = 'holdfast reconcile';

async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      look: { type: 'boolean' },
      json: { type: 'boolean' },
      tolerate: { type: 'string' },
      missing: { type: 'string' },
      surplus: { type: 'string' },
    },
  });
  const { databaseUrl, rpcUrl } = addressesOf(process.env);
  const { tolerate, missing, surplus } = values;
  const isSurplusAlone = surplus !== undefined && tolerate === undefined;
  if ((tolerate === undefined) !== (missing === undefined) || isSurplusAlone) {
    throw new UsageFault('--tolerate ASSET goes with --missing AMOUNT, 0 for none.');
  }
  if (tolerate !== undefined && (values.look || values.json)) {
    throw new UsageFault(
      '--tolerate changes a setting and looks at nothing: not with --look, --json.',
    );
  }
  const db = createPool({ databaseUrl, size: 3, applicationName: BY });
  try {
    if (tolerate !== undefined && missing !== undefined) {
      return await tolerateDrift(db, tolerate, missing, surplus ?? null);
    }
    const found = await look(db, connectChain(rpcUrl), values.look === true);
    const text = values.json ? JSON.stringify(found, null, 2) : tellAll(found);
    process.stdout.write(`${text}\n`);
    return found.balanced ? 0 : 1;
  } catch (error) {
    if (error instanceof UsageFault) throw error;
    process.stderr.write(`It could not be compared: ${reasonOf(error)}\n`);
    return 2;
  } finally {
    await db.end();
  }
}

async function look(db: Pool, chain: ChainConnection, isOnlyLook: boolean): Promise<Found> {
  // What is found goes to stdout, alerts go where nobody parses them.
  const log = createLog('info', process.stderr);
  const { lines, above, paused } = isOnlyLook
    ? { lines: await reconcileChain(db, await chain()), above: [], paused: [] }
    : await runReconciliation({ db, chain, log }, BY);
  const books = await reconcile(db);
  const agrees = lines.every(
    ({ missing, surplus, unreadable }) => missing === '0' && surplus === '0' && unreadable === null,
  );
  return { balanced: books.balanced && agrees, books, chain: lines, above, paused };
}

async function tolerateDrift(
  db: Pool,
  asset: string,
  missing: string,
  surplus: string | null,
): Promise<number> {
  const isSet = await setTolerance(db, asset, { missing, surplus }, BY).catch((error: unknown) => {
    if (error instanceof RangeError) throw new UsageFault(error.message);
    throw error;
  });
  if (!isSet) throw new UsageFault(`There is no asset ${asset} on a chain.`);
  const most = surplus === null ? 'coins too many never pause' : `${surplus} may be too many`;
  process.stdout.write(`${asset}: ${missing} may be missing, ${most}.\n`);
  return 0;
}

export const RECONCILE: Command = {
  about: 'compares the books with the chain and says what to do',
  help: HELP,
  run,
};

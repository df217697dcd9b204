/** `holdfast chain explain`: says of transactions that the books do not know what they were. */
import { parseArgs } from 'node:util';
import { connectChain } from '../chains/connection.ts';
import { createPool } from '../db/pool.ts';
import {
  type ExplainDeps,
  type Explanation,
  endPauses,
  explainSpending,
  openPauses,
  unknownSpendings,
  unknownWaiting,
} from '../withdrawals/explain.ts';
import { addressesOf, type Command, UsageFault } from './command.ts';

const HELP = `holdfast chain explain [--nonce N (--withdrawal ID | --note TEXT [--own])]
       holdfast chain explain --resume --note TEXT

The hot wallet sent transactions that the books do not know: the database was restored to an earlier
moment, or somebody used its key. Nothing is signed until a person has said of each what it was.

Without options it lists them, and why a sender is paused. With --nonce, lowest first:
  --withdrawal ID  it is the payment of this withdrawal (checked on the chain); the books follow it
                   one that paid several: --withdrawal once for each
  --note TEXT      it is something else, in a final block; the text is kept with the nonce, and
                   what it brought to a deposit address is credited as a deposit
  --own            ... unless it moved our own coins alone; a collection, or gas for one, is
                   followed as such

--sender ADDRESS speaks of that address alone. A deposit address, from which coins were collected,
has to be named so.

--resume lets the senders go on once nothing is unknown; the text is kept with their pauses.

Reads DATABASE_URL and CHAIN_RPC_URL.`;

async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      nonce: { type: 'string' },
      withdrawal: { type: 'string', multiple: true },
      note: { type: 'string' },
      own: { type: 'boolean' },
      sender: { type: 'string' },
      resume: { type: 'boolean' },
    },
  });
  const { databaseUrl, rpcUrl } = addressesOf(process.env);
  const asked = read(values);
  const db = createPool({ databaseUrl, size: 2, applicationName: 'holdfast chain explain' });
  try {
    const deps = { db, chain: connectChain(rpcUrl) };
    if ('list' in asked) return await list(deps, asked.list);
    if ('resume' in asked) {
      process.stdout.write(`${await endPauses(deps, asked.resume)} pauses ended.\n`);
      return 0;
    }
    const left = await explainSpending(deps, asked);
    process.stdout.write(left === 0 ? 'All is explained; it goes on.\n' : `${left} are left.\n`);
    return 0;
  } finally {
    await db.end();
  }
}

interface Options {
  nonce?: string | undefined;
  withdrawal?: string[] | undefined;
  note?: string | undefined;
  own?: boolean | undefined;
  sender?: string | undefined;
  resume?: boolean | undefined;
}

/** What is wanted. Options that say nothing there are refused: they were meant for something. */
function read(options: Options): Explanation | { resume: string } | { list: string | undefined } {
  const { nonce, withdrawal, note, own, sender, resume } = options;
  const address = sender?.toLowerCase();
  if (address !== undefined && !/^0x[0-9a-f]{40}$/.test(address)) {
    throw new UsageFault('--sender takes an address: 0x and 40 hexadecimal digits.');
  }
  if (note?.trim() === '') throw new UsageFault('--note wants words.');
  if (resume) {
    if (note === undefined) throw new UsageFault('--resume wants a --note: what you found.');
    if (nonce ?? withdrawal ?? own ?? address) {
      throw new UsageFault('--resume lets all senders go on: it goes with --note alone.');
    }
    return { resume: note };
  }
  if (nonce === undefined) {
    if (withdrawal ?? note ?? own) {
      throw new UsageFault('Say by --nonce which transaction it was, or --resume.');
    }
    return { list: address };
  }
  if (!/^\d{1,15}$/.test(nonce)) throw new UsageFault('--nonce is a whole number.');
  if ((withdrawal === undefined) === (note === undefined)) {
    throw new UsageFault('Say either --withdrawal or --note.');
  }
  if (own && note === undefined) throw new UsageFault('--own goes with a --note.');
  return {
    nonce: Number(nonce),
    groupIds: withdrawal ?? [],
    note: note ?? '',
    isOwn: own ?? false,
    ...(address && { sender: address }),
  };
}

async function list(deps: ExplainDeps, only: string | undefined): Promise<number> {
  const all = await unknownSpendings(deps, only);
  for (const { sender, nonce, spending } of all) {
    const { txid, outcome } = spending;
    const moved = outcome.transfers.map(
      ({ contract, to, units }) => `${units} units of ${contract ?? 'the native coin'} to ${to}`,
    );
    process.stdout.write(`${sender} nonce ${nonce}: ${txid} ${moved.join(', ') || 'nothing'}\n`);
  }
  const waiting = await unknownWaiting(deps);
  for (const { sender } of waiting) {
    process.stdout.write(`${sender} sent something that waits for a block; look again then.\n`);
  }
  for (const { sender, since, reason } of await openPauses(deps)) {
    process.stdout.write(`${sender} is paused since ${since}: ${reason}\n`);
  }
  if (all.length + waiting.length === 0) {
    process.stdout.write('The books know all that the hot wallets sent.\n');
  }
  return 0;
}

export const CHAIN_EXPLAIN: Command = {
  about: 'says what transactions were that the books do not know',
  help: HELP,
  run,
};

/** `holdfast chain explain`: says of transactions that the books do not know what they were. */
import { parseArgs } from 'node:util';
import { connectChain } from '../chains/connection.ts';
import { createPool } from '../db/pool.ts';
import {
  type ExplainDeps,
  endPauses,
  explainSpending,
  openPauses,
  unknownSpendings,
  unknownWaiting,
} from '../withdrawals/explain.ts';
import { type Command, UsageFault } from './command.ts';

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
  const { DATABASE_URL: databaseUrl, CHAIN_RPC_URL: rpcUrl } = process.env;
  if (!databaseUrl || !rpcUrl)
    throw new UsageFault('DATABASE_URL and CHAIN_RPC_URL are to be set.');
  const db = createPool({ databaseUrl, size: 2, applicationName: 'holdfast chain explain' });
  try {
    const deps = { db, chain: connectChain(rpcUrl) };
    const { nonce, withdrawal, note, own = false, sender, resume } = values;
    if (resume) {
      if (!note) throw new UsageFault('--resume wants a --note: what you found.');
      process.stdout.write(`${await endPauses(deps, note)} pauses ended.\n`);
      return 0;
    }
    if (nonce === undefined) return await list(deps, sender?.toLowerCase());
    if (!/^\d+$/.test(nonce)) throw new UsageFault('--nonce is a whole number.');
    if ((withdrawal === undefined) === (note === undefined)) {
      throw new UsageFault('Say either --withdrawal or --note.');
    }
    if (own && note === undefined) throw new UsageFault('--own goes with a --note.');
    const left = await explainSpending(deps, {
      nonce: Number(nonce),
      groupIds: withdrawal ?? [],
      note: note ?? '',
      isOwn: own,
      ...(sender && { sender: sender.toLowerCase() }),
    });
    process.stdout.write(left === 0 ? 'All is explained; it goes on.\n' : `${left} are left.\n`);
    return 0;
  } finally {
    await db.end();
  }
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

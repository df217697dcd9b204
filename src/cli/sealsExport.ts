/** `holdfast seals export`: the head of the chain of seals, to be kept where others keep it. */
import { parseArgs } from 'node:util';
import { createPool } from '../db/pool.ts';
import { headOf, readKey } from '../seals/head.ts';
import { readSealsState } from '../seals/sealTables.ts';
import { type Command, databaseUrlOf, reasonOf, UsageFault } from './command.ts';

const HELP = `holdfast seals export

Prints the head of the chain of seals as JSON: the number and the hash of the last seal, the entries
so far, the time, and a signature. Keep it where whoever owns the database cannot change it; years
later holdfast seals verify --head FILE says whether all entries up to it are as they were.

  holdfast seals export > head.json

Exit code: 0 printed, 1 nothing is sealed yet, 2 it could not be read.

Reads DATABASE_URL and SEAL_SIGNING_KEY: an Ed25519 private key in PEM, or the path of a file with
it (openssl genpkey -algorithm ed25519). Without it the head is not signed.`;

async function run(args: string[]): Promise<number> {
  parseArgs({ args, options: {} });
  const databaseUrl = databaseUrlOf(process.env);
  const { SEAL_SIGNING_KEY: signingKey } = process.env;
  const key = signingKey ? privateKey(signingKey) : null;
  const db = createPool({
    databaseUrl,
    size: 1,
    applicationName: 'holdfast seals export',
    readOnly: true,
  });
  try {
    const state = await readSealsState(db);
    if (state.number === 0) {
      process.stderr.write('Nothing is sealed yet: there is no head to export.\n');
      return 1;
    }
    if (key === null) {
      process.stderr.write(
        'The head is not signed: SEAL_SIGNING_KEY is not set. It shows a change all the same, as ' +
          'long as you know that it is yours.\n',
      );
    }
    process.stdout.write(`${JSON.stringify(headOf(state, key), null, 2)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`The head could not be read: ${reasonOf(error)}\n`);
    return 2;
  } finally {
    await db.end();
  }
}

function privateKey(value: string) {
  try {
    return readKey('private', value);
  } catch (error) {
    throw new UsageFault(`SEAL_SIGNING_KEY is ${(error as Error).message}.`);
  }
}

export const SEALS_EXPORT: Command = {
  about: 'prints the signed head of the seals over the entries',
  help: HELP,
  run,
};

/** `npm run bench <name> [options]`: one bench a file, each with its floor in the same run. */
import { cpus, release } from 'node:os';
import { run as ledger } from './ledger.ts';
import { run as saga } from './saga.ts';
import { run as watcher } from './watcher.ts';

const BENCHES: Record<string, { about: string; run: (args: string[]) => Promise<void> }> = {
  ledger: {
    about: 'hold+settle pairs/s and immediate transfers/s, beside bare statements',
    run: ledger,
  },
  saga: {
    about: 'sagas/s and how long a caller waits, beside sagas with empty activities',
    run: saga,
  },
  watcher: {
    about: 'blocks/s while the watcher catches up, and that none is left out',
    run: watcher,
  },
};

const [name = '--help', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench) {
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Linux ${release()}`;
  console.log(`${name}: ${machine}, Node ${process.version}`);
  await bench.run(args);
} else {
  const lines = Object.entries(BENCHES).map(([each, { about }]) => `  ${each.padEnd(8)} ${about}`);
  console.log(`npm run bench <name> [-- options]\n\n${lines.join('\n')}`);
  process.exitCode = name === '--help' || name === '-h' ? 0 : 2;
}

#!/usr/bin/env node
/** `holdfast <command>`: what operators and developers run by hand. One command a file. */
import { CHAIN_EXPLAIN } from './chainExplain.ts';
import { CHAIN_PROXY } from './chainProxy.ts';
import { CODEC_SERVER } from './codecServer.ts';
import { type Command, reasonOf, UsageFault } from './command.ts';
import { RECONCILE } from './reconcile.ts';
import { SEALS_EXPORT } from './sealsExport.ts';
import { SEALS_VERIFY } from './sealsVerify.ts';
import { WEBHOOKS } from './webhooks.ts';

/** By the words that name them. */
const COMMANDS: Record<string, Command> = {
  'chain explain': CHAIN_EXPLAIN,
  'chain proxy': CHAIN_PROXY,
  'codec-server': CODEC_SERVER,
  reconcile: RECONCILE,
  'seals export': SEALS_EXPORT,
  'seals verify': SEALS_VERIFY,
  webhooks: WEBHOOKS,
};

async function main(words: string[]): Promise<number> {
  const name = Object.keys(COMMANDS).find((each) =>
    each.split(' ').every((word, at) => words[at] === word),
  );
  const command = name === undefined ? undefined : COMMANDS[name];
  if (name === undefined || command === undefined) {
    const lines = Object.entries(COMMANDS).map(
      ([each, { about }]) => `  ${each.padEnd(14)} ${about}`,
    );
    const list = lines.join('\n');
    const help = `holdfast <command> [options]\n\n${list}\n\nEach says more with --help.\n`;
    const isAsked = words.length === 0 || words[0] === '--help' || words[0] === '-h';
    (isAsked ? process.stdout : process.stderr).write(help);
    return isAsked ? 0 : 2;
  }
  const args = words.slice(name.split(' ').length);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${command.help}\n`);
    return 0;
  }
  try {
    return await command.run(args);
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    if (!isUsageFault(error)) return 1;
    process.stderr.write(`holdfast ${name} --help says more.\n`);
    return 2;
  }
}

/** Ours, or one of node:util's parseArgs. */
function isUsageFault(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return error instanceof UsageFault || String(code).startsWith('ERR_PARSE_ARGS');
}

process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  // Whoever reads it may have seen enough, as `head` has.
  if (code === 'EPIPE') return;
  process.stderr.write(`The output cannot be written (${message}).\n`);
  process.exitCode = 1;
});
process.exitCode = (await main(process.argv.slice(2))) || process.exitCode;

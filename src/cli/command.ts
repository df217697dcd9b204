import { isPostgresUrl, POSTGRES_URL } from '../config.ts';
import { isHttpUrl } from '../contracts/environment.ts';
import { useFault } from '../db/connectFault.ts';

/** What a command of `holdfast` is made of. */
export interface Command {
  /** One line for the list of commands. */
  about: string;
  /** All that `--help` prints. */
  help: string;
  /** Runs with the arguments after the command's words; answers the exit code. */
  run(args: string[]): Promise<number>;
}

/** Arguments that do not fit: the message, then where help is; exit code 2. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

/** The books' address. */
export function databaseUrlOf(env: NodeJS.ProcessEnv): string {
  const { DATABASE_URL: url } = env;
  if (!url) throw new UsageFault('DATABASE_URL is to be set.');
  if (!isPostgresUrl(url)) throw new UsageFault(`DATABASE_URL must be ${POSTGRES_URL}.`);
  return url;
}

/** The addresses of the books and of a node. */
export function addressesOf(env: NodeJS.ProcessEnv): { databaseUrl: string; rpcUrl: string } {
  const { DATABASE_URL, CHAIN_RPC_URL } = env;
  if (!DATABASE_URL || !CHAIN_RPC_URL) {
    throw new UsageFault('DATABASE_URL and CHAIN_RPC_URL are to be set.');
  }
  return { databaseUrl: databaseUrlOf(env), rpcUrl: httpUrlOf('CHAIN_RPC_URL', CHAIN_RPC_URL) };
}

/** An http(s) address. It is not told: that of a node may hold a secret. */
function httpUrlOf(name: string, url: string): string {
  if (isHttpUrl(url)) return url;
  throw new UsageFault(`${name} must be the http(s) address of a node.`);
}

/** A port to listen on. */
export function portOf(name: string, text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new UsageFault(`${name} takes the number of a port, 0 to 65535.`);
}

/** Why nobody is served at what `--listen` names, in a sentence. */
export function listenFault(who: string, at: string, error: NodeJS.ErrnoException): Error {
  const isTaken = error.code === 'EADDRINUSE';
  const why = isTaken ? 'it is in use; choose another by --listen' : error.message;
  return new Error(`${who} cannot listen on ${at}: ${why}.`, { cause: error });
}

/** What went wrong, with the next step where one is known. */
export function reasonOf(error: unknown): string {
  return useFault(error) ?? (error as Error).message;
}

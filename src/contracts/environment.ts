/** Reads settings out of the environment: each is what it has to be, or a sentence says why not. */
import { amountFault } from './amounts.ts';

/** Beyond it a timer of Node's fires at once, instead of late. */
const DAY_MS = 86_400_000;
/** Nothing here waits for longer, and Postgres adds it to any time. */
const YEAR_SECONDS = 31_536_000;

/** The least and the most that a whole number may be. */
export type Range = readonly [least: number, most: number];

/**
 * What each number may be. What is outside would not fail but do something else than it says: a
 * pause of 0 asks without end, one beyond Node's timers does too, no payments under way pay nobody.
 */
export const RANGES = {
  PORT: [0, 65_535],
  // Health says that nobody follows the chain after 30 s without a look.
  CHAIN_POLL_MS: [10, 20_000],
  COLLECT_EVERY_MS: [1, DAY_MS],
  SEAL_EVERY_MS: [0, DAY_MS],
  CHAIN_FINALITY_STALL_SECONDS: [1, YEAR_SECONDS],
  WITHDRAWAL_STUCK_AFTER_SECONDS: [1, YEAR_SECONDS],
  WITHDRAWAL_BUMP_AFTER_SECONDS: [0, YEAR_SECONDS],
  WITHDRAWALS_IN_FLIGHT: [1, 10_000],
  WITHDRAWAL_BATCH_WAIT_SECONDS: [1, 600],
  WITHDRAWAL_BATCH_SIZE: [2, 200],
  // A step that asks is given up after 90 s.
  SIGNER_TIMEOUT_MS: [1, 60_000],
  RISK_TIMEOUT_MS: [1, 60_000],
  // Fewer sagas could not be worked on at once; see `src/temporal/worker.ts`.
  SAGAS_IN_MEMORY: [200, 1_000_000],
  DATABASE_POOL_SIZE: [1, 1_000],
} as const satisfies Record<string, Range>;

type Environment = Readonly<Record<string, string | undefined>>;

/** True for an http(s) address. */
export function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/**
 * True for the http(s) address of a service, without a user or password in it: `fetch` does not ask
 * there, and says so with the whole address. Who asks for a secret gets it in a header.
 */
export function isServiceUrl(text: string): boolean {
  if (!isHttpUrl(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/** What is said of one that is none. */
export const SERVICE_URL = 'an http(s) address without a user or password';

/**
 * Readers of one environment. An empty variable counts as none. Values are told only of what cannot
 * hold a secret.
 *
 * @param faults gets a sentence for each thing that is wrong, with the variable's name
 */
export function environmentReader(env: Environment, faults: string[]) {
  const check = (name: string, isRight: (value: string) => boolean, words: string): string => {
    const value = env[name] ?? '';
    if (value && !isRight(value)) faults.push(`${name} must be ${words}`);
    return value;
  };
  return {
    /** The value, which has to be there. */
    required(name: string, isRight: (value: string) => boolean, words: string): string {
      if (!env[name]) faults.push(`${name} is not set`);
      return check(name, isRight, words);
    },
    /** The value, or null where there is none. */
    optional(name: string, isRight: (value: string) => boolean, words: string): string | null {
      return check(name, isRight, words) || null;
    },
    /** A whole number within `RANGES`. */
    integer(name: keyof typeof RANGES, fallback: number): number {
      const [least, most] = RANGES[name];
      const isRight = (value: string) =>
        /^\d{1,15}$/.test(value) && Number(value) >= least && Number(value) <= most;
      const words = `a whole number from ${least} to ${most}, not "${env[name]}"`;
      return Number(check(name, isRight, words) || fallback);
    },
    /** An amount above zero, as the API takes it. */
    amount(name: string, fallback: string): string {
      const value = env[name] || fallback;
      const fault = amountFault(value, null);
      if (fault) faults.push(`${name}: ${fault.replace(/\.$/, '')}`);
      return value;
    },
  };
}

export type EnvironmentReader = ReturnType<typeof environmentReader>;

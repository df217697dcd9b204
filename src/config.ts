/** What a running Holdfast needs to know; read from the environment once, in `readConfig`. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { type BatchSettings, readBatches } from './contracts/batches.ts';
import { type Custodians, readCustodians } from './contracts/custodians.ts';
import {
  type EnvironmentReader,
  environmentReader,
  isHttpUrl,
  isServiceUrl,
  SERVICE_URL,
} from './contracts/environment.ts';
import { type HookSources, readHookSources } from './contracts/hookSources.ts';
import { isLongSecret, LEAST_SECRET_LENGTH } from './contracts/signingSecret.ts';
import { readWebhooks, type Webhooks } from './contracts/webhooks.ts';

/** The public test mnemonic of anvil and hardhat; the signer refuses it on known main nets. */
const PUBLIC_TEST_MNEMONIC = 'test test test test test test test test test test test junk';

/** Far above any plain transfer's price, far below what a runaway price could take. */
const DEFAULT_MAX_NETWORK_FEE = '0.05';
/** A signer writes its journal to a disk before it answers; a hardware module takes longer. */
const DEFAULT_SIGNER_TIMEOUT_MS = 10_000;
/** Geth keeps so many transactions of one account for certain (`txpool.accountslots`). */
const DEFAULT_IN_FLIGHT = 16;
/** Coins that are final wait for nobody, and each look adds up what was deposited. */
const DEFAULT_COLLECT_EVERY_MS = 10_000;

/**
 * What somebody could change before it is sealed, against a seal of some 300 bytes and a look that
 * takes a few milliseconds each time.
 */
const DEFAULT_SEAL_EVERY_MS = 60_000;

/**
 * A saga that is not among them is replayed when something happens, which costs the service some
 * 5 ms of processor time and Temporal 6. But each takes 0.1 MB, and the SDK looks through all of
 * them several times a task: some 2 ms among 2,000, 9 ms among 5,000, where it would be cheaper to
 * replay.
 */
const DEFAULT_SAGAS_IN_MEMORY = 2_000;

/** What a process does: answer HTTP, run sagas, follow the chain. One process can do all three. */
export const ROLES = ['api', 'worker', 'watcher'] as const;
export type Role = (typeof ROLES)[number];

/** The log's own words for how much it writes. */
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** How inner calls are looked into, see `src/chains/evm/traces.ts`. */
const CHAIN_TRACES = ['debug', 'trace', 'none'] as const;

/** How withdrawals are paid on the chain; see `PayDeps`. */
export interface PayingConfig {
  /** A payment that no block took in so many seconds is `stuck`: still held, and a person looks. */
  stuckAfterSeconds: number;
  /** After so many seconds in no block a payment's fee is raised; null: never by itself. */
  bumpAfterSeconds: number | null;
  /** Most that one attempt to pay may cost, in the native coin. */
  feeCap: string;
  /** Most payments of the hot wallet that may be under way and in no block. */
  inFlight: number;
  /** How several withdrawals are paid by one transaction; null: each has its own. */
  batches: BatchSettings | null;
}

export interface Config {
  /** What this process does; all by default. An API without a worker waits longer for outcomes. */
  roles: ReadonlySet<Role>;
  /** Owner's URL; the service's own connections take the role `holdfast_app` on it. */
  databaseUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  /** Base URL of the Temporal UI for links, or null. */
  temporalUi: string | null;
  /** JSON-RPC endpoint of an EVM node, or null: no chain. */
  chainRpcUrl: string | null;
  /** First block to follow where no cursor is stored; null: the head. */
  chainStartBlock: bigint | null;
  /** Pause between two looks at the chain, in milliseconds: well below its block time. */
  chainPollMs: number;
  /** Pause between two looks at what is to be collected, in milliseconds. */
  collectEveryMs: number;
  /** How coins that contracts pay out are found; null: the node is asked what it offers. */
  chainTraces: (typeof CHAIN_TRACES)[number] | null;
  paying: PayingConfig;
  /**
   * Where withdrawals are checked for risk; `off` takes the check away; null: not said, so what the
   * database requires stays.
   */
  risk: { url: string; secret: string; timeoutMs: number } | 'off' | null;
  /** Nothing is credited when blocks come and none has become final for so many seconds. */
  finalityStallSeconds: number;
  /** Where payments are signed, in a process that holds the key; null: by the mnemonic here. */
  signer: { url: string; token: string; timeoutMs: number } | null;
  /** Who may send hooks to `/v1/chain-hooks/{source}`, by source. */
  hookSources: HookSources;
  /** Who is told what happens, by name; the workers tell them. */
  webhooks: Webhooks;
  /** Pause between two looks at what is to be sealed, in milliseconds; null: not sealed here. */
  sealEveryMs: number | null;
  /** Who pays withdrawals for us where we hold no keys, by name. */
  custodians: Custodians;
  mnemonic: string;
  /** Account key of the deposit addresses, for processes that hold no mnemonic; null: derived. */
  depositXpub: string | null;
  /** API port; 0 takes any free one. */
  port: number;
  host: string;
  /** Bootstrap key with every scope, client `admin`; '' where no API is served. */
  adminKey: string;
  logLevel: string;
  /** Names this process in Temporal and in leases. */
  identity: string;
  /** Most sagas that this process's worker keeps in memory while they wait. */
  sagasInMemory: number;
  /** Most connections of this process's pool. */
  poolSize: number;
  /**
   * Pins sagas to this build of the workflows (Temporal worker versioning), or null: no versions.
   */
  buildId: string | null;
  /** Keys that encrypt what Temporal stores, see `src/temporal/codec.ts`; undefined: plain. */
  codecKeys: string | undefined;
}

/** Reads and checks the environment. Throws an Error that names every missing or bad variable. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const faults: string[] = [];
  const read = environmentReader(env, faults);
  const { required, optional, integer } = read;
  const roles = (env.HOLDFAST_ROLES || ROLES.join(',')).split(',').map((role) => role.trim());
  const unknown = roles.filter((role) => !(ROLES as readonly string[]).includes(role));
  if (unknown.length > 0) {
    faults.push(`HOLDFAST_ROLES names ${unknown.join(', ')}; there are ${ROLES.join(', ')}`);
  }
  const config: Config = {
    roles: new Set(roles as Role[]),
    databaseUrl: required('DATABASE_URL', isPostgresUrl, POSTGRES_URL),
    temporalAddress: required('TEMPORAL_ADDRESS', isHostAndPort, 'host:port, without http://'),
    temporalNamespace: env.TEMPORAL_NAMESPACE || 'default',
    temporalUi: optional('TEMPORAL_UI_URL', isServiceUrl, SERVICE_URL),
    chainRpcUrl: readChainRpcUrl(read),
    chainStartBlock: readStartBlock(read),
    chainPollMs: integer('CHAIN_POLL_MS', 250),
    collectEveryMs: integer('COLLECT_EVERY_MS', DEFAULT_COLLECT_EVERY_MS),
    chainTraces: readTraces(env, faults),
    paying: {
      stuckAfterSeconds: integer('WITHDRAWAL_STUCK_AFTER_SECONDS', 600),
      bumpAfterSeconds: integer('WITHDRAWAL_BUMP_AFTER_SECONDS', 600) || null,
      feeCap: read.amount('WITHDRAWAL_MAX_NETWORK_FEE', DEFAULT_MAX_NETWORK_FEE),
      inFlight: integer('WITHDRAWALS_IN_FLIGHT', DEFAULT_IN_FLIGHT),
      batches: readBatches(read),
    },
    risk: readRisk(env, faults, integer('RISK_TIMEOUT_MS', 5_000)),
    finalityStallSeconds: integer('CHAIN_FINALITY_STALL_SECONDS', 1800),
    signer: readSigner(env, faults, integer('SIGNER_TIMEOUT_MS', DEFAULT_SIGNER_TIMEOUT_MS)),
    hookSources: readNamed('CHAIN_HOOKS', readHookSources, env, faults),
    webhooks: readNamed('WEBHOOKS', readWebhooks, env, faults),
    sealEveryMs: integer('SEAL_EVERY_MS', DEFAULT_SEAL_EVERY_MS) || null,
    custodians: readNamed('CUSTODIANS', readCustodians, env, faults),
    mnemonic: optional('HOLDFAST_DEV_MNEMONIC', isMnemonic, MNEMONIC) ?? PUBLIC_TEST_MNEMONIC,
    depositXpub: optional('HOLDFAST_DEPOSIT_XPUB', isXpub, 'an xpub, an extended public key'),
    port: integer('PORT', 3000),
    host: optional('HOST', isVisible, 'an address or a name') ?? '127.0.0.1',
    adminKey: readAdminKey(read, roles),
    logLevel: optional('LOG_LEVEL', isLogLevel, `one of ${LOG_LEVELS.join(', ')}`) ?? 'info',
    identity: `${hostname()}:${process.pid}`,
    sagasInMemory: integer('SAGAS_IN_MEMORY', DEFAULT_SAGAS_IN_MEMORY),
    poolSize: integer('DATABASE_POOL_SIZE', 20),
    buildId: env.HOLDFAST_BUILD_ID || null,
    codecKeys: env.TEMPORAL_CODEC_KEYS || undefined,
  };
  if (faults.length > 0) throw new Error(`Configuration: ${faults.join('; ')}.`);
  return config;
}

/** What is said of one that is none. */
export const POSTGRES_URL =
  'a postgres:// address (in its password write # ? / @ % and blanks as %23 %3F %2F %40 %25 %20)';
const ADMIN_KEY = 'visible ASCII characters without blanks, as a bearer token has them';
const MNEMONIC = '12 to 24 words, in small letters, with one blank between two';

/** A user at no host: that of a socket, which `host` names, as hosted databases have it. */
const AT_SOCKET = /^(postgres(?:ql)?:\/\/[^@/?#]+@)(\/[^@?#]*\?(?:[^@#]*&)?host=(?:\/|%2[Ff]))/;

/** What the driver takes all the same, it looks for at a host of the name `base`. */
export function isPostgresUrl(text: string): boolean {
  const url = text.replace(AT_SOCKET, '$1socket$2');
  return URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol);
}

const isHostAndPort = (text: string) => /^([^\s:/[\]]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(text);
const isVisible = (text: string) => /^[\x21-\x7e]+$/.test(text);
const isXpub = (text: string) => /^xpub[1-9A-HJ-NP-Za-km-z]{107}$/.test(text);
const isMnemonic = (text: string) => /^([a-z]+ ){11,23}[a-z]+$/.test(text);
const isLogLevel = (text: string) => LOG_LEVELS.includes(text);

/** Who answers no requests does without the key that may do everything. */
function readAdminKey({ required, optional }: EnvironmentReader, roles: string[]): string {
  const read = roles.includes('api') ? required : optional;
  return read('HOLDFAST_ADMIN_KEY', isVisible, ADMIN_KEY) ?? '';
}

function readChainRpcUrl({ optional }: EnvironmentReader): string | null {
  const isNode = (text: string) => text === 'off' || isHttpUrl(text);
  const url = optional('CHAIN_RPC_URL', isNode, 'the http(s) address of a node, or off');
  return url === 'off' ? null : url;
}

function readStartBlock({ optional }: EnvironmentReader): bigint | null {
  const isHeight = (text: string) => /^\d{1,15}$/.test(text);
  const height = optional('CHAIN_START_BLOCK', isHeight, 'a block number');
  return height !== null && isHeight(height) ? BigInt(height) : null;
}

function readTraces(env: NodeJS.ProcessEnv, faults: string[]): Config['chainTraces'] {
  const traces = CHAIN_TRACES.find((mode) => mode === env.CHAIN_TRACES) ?? null;
  if (traces === null && env.CHAIN_TRACES && env.CHAIN_TRACES !== 'auto') {
    faults.push(`CHAIN_TRACES must be auto, ${CHAIN_TRACES.join(', ')}`);
  }
  return traces;
}

function readRisk(env: NodeJS.ProcessEnv, faults: string[], timeoutMs: number): Config['risk'] {
  const { RISK_URL: url, RISK_SECRET: secret = '' } = env;
  if (!url) return null;
  if (url === 'off') return 'off';
  if (!isServiceUrl(url)) faults.push(`RISK_URL must be ${SERVICE_URL}, or off`);
  if (!isLongSecret(secret)) {
    faults.push(
      `RISK_SECRET must have at least ${LEAST_SECRET_LENGTH} characters, behind whsec_ bytes`,
    );
  }
  return { url, secret, timeoutMs };
}

function readSigner(env: NodeJS.ProcessEnv, faults: string[], timeoutMs: number): Config['signer'] {
  const { SIGNER_URL: url, SIGNER_TOKEN: token } = env;
  if (!url) return null;
  if (!isServiceUrl(url)) faults.push(`SIGNER_URL must be ${SERVICE_URL}`);
  if (!token) faults.push('SIGNER_TOKEN is not set, and SIGNER_URL is');
  // The signer has the keys; deposit addresses of another wallet would be out of its reach.
  if (!env.HOLDFAST_DEPOSIT_XPUB && !env.HOLDFAST_DEV_MNEMONIC) {
    faults.push("HOLDFAST_DEPOSIT_XPUB is not set: with SIGNER_URL it is the signer's account key");
  }
  return { url, token: token ?? '', timeoutMs };
}

/** JSON, or the path of a file with it: secrets are often mounted as files. */
function readNamed<T>(
  name: string,
  read: (text: string, faults: string[]) => T,
  env: NodeJS.ProcessEnv,
  faults: string[],
): T {
  const value = env[name] || '{}';
  if (value.trimStart().startsWith('{')) return read(value, faults);
  try {
    return read(readFileSync(value, 'utf8'), faults);
  } catch {
    faults.push(`${name} is neither a JSON object nor a file that can be read`);
    return read('{}', faults);
  }
}

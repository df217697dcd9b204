/** The environment of `npm run dev` and `npm run demo`, checked before any server starts. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type Config, readConfig } from '../config.ts';
import { hotWalletAddress } from '../withdrawals/developmentKeys.ts';
import { keptText } from './stack/keptText.ts';
import { portOf } from './stack/stack.ts';

/** What is known before the servers are: port, mnemonic and the like. */
export type Settings = Pick<Config, 'port' | 'mnemonic'>;

/** @throws an Error that names every bad variable */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  if (env.PORT) portOf(env, 'PORT');
  // The addresses and the key come later where they are not set; the rest is checked now.
  const later = {
    DATABASE_URL: 'postgres://later',
    TEMPORAL_ADDRESS: 'later',
    HOLDFAST_ADMIN_KEY: 'later',
  };
  const { port, mnemonic } = readConfig({ ...later, ...withoutEmpty(env) });
  // Also what has the right form may be no mnemonic.
  hotWalletAddress(mnemonic);
  return { port, mnemonic };
}

/** A new bootstrap key. */
export function newAdminKey(): string {
  return `hf_admin_${randomBytes(24).toString('base64url')}`;
}

/** The bootstrap key of a data directory, made at first use and the same from then on. */
export function keptAdminKey(dataDir: string): string {
  return keptText(join(dataDir, 'admin.key'), newAdminKey);
}

/** `NAME=` in a shell means the same as no variable. */
function withoutEmpty(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value));
}

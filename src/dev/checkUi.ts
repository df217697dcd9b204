/**
 * `npm run check:ui`: what operators see and do in the Temporal UI, tried in a headless browser on
 * a stack of its own, without a chain. Prints each step with its screenshot; exits 0 when all was
 * as docs/operators.md says, and leaves nothing running.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createApiClient, DemoFailure } from './demo/client.ts';
import { type OwnDatabase, ownDatabase } from './demo/database.ts';
import { line } from './demo/print.ts';
import { endRequested } from './ending.ts';
import { newAdminKey, readSettings } from './settings.ts';
import { CLONE } from './stack/places.ts';
import { startStack } from './stack/stack.ts';
import { findBrowser, launchBrowser } from './ui/browser.ts';
import type { Desk } from './ui/desk.ts';
import { createTemporalUi } from './ui/temporalUi.ts';
import {
  cancelHolds,
  extendHold,
  findAndReadWithdrawal,
  readRefusals,
  tryQueriesOfThePage,
} from './ui/tour.ts';

const INTERRUPTED = 130;
const SHOTS = join(CLONE, '.holdfast', 'ui');
/** What a laptop shows: an operator should not need to scroll. */
const VIEWPORT = { width: 1400, height: 1000 };
const QUIET = { LOG_LEVEL: process.env.LOG_LEVEL || 'warn', PORT: '0', HOLDFAST_ROLES: '' };
const TOUR = [
  findAndReadWithdrawal,
  tryQueriesOfThePage,
  extendHold,
  cancelHolds,
  readRefusals,
] as const;

async function checkUi(env: NodeJS.ProcessEnv): Promise<void> {
  // Before anything starts: without a browser there is nothing to do.
  const browserPath = findBrowser(env);
  const { mnemonic } = readSettings(env);
  const service = import('./holdfast.ts');
  service.catch(() => {});
  line(`Starting Postgres, Temporal with its UI, and ${browserPath} …`);
  const stack = await startStack({ env, data: null, mnemonic, say: line });
  try {
    const { temporalUi } = stack;
    if (temporalUi === null) throw new DemoFailure('Set TEMPORAL_UI_URL to the UI of your server.');
    const adminKey = newAdminKey();
    const { startOnStack } = await service;
    const withKey = { ...env, HOLDFAST_ADMIN_KEY: adminKey };
    const running = await startOnStack(stack, { env: withKey, seed: false });
    const namespace = encodeURIComponent(running.config.temporalNamespace);
    const baseUrl = `${temporalUi.replace(/\/$/, '')}/namespaces/${namespace}`;
    try {
      await lookAround(browserPath, baseUrl, await openDesk(running.apiUrl, adminKey));
    } finally {
      await running.stop();
    }
  } finally {
    await stack.stop();
  }
}

/** A desk without a UI yet: a client of its own, funded wallets. */
async function openDesk(apiUrl: string, adminKey: string): Promise<Omit<Desk, 'ui'>> {
  const run = `-${randomBytes(3).toString('hex')}`;
  const admin = createApiClient(apiUrl, adminKey);
  const scopes = ['read', 'transfer', 'operate'];
  const { body } = await admin.post<{ key: string }>('/v1/api-keys', {
    name: 'desk',
    client: 'desk',
    scopes,
  });
  await admin.post('/v1/assets', { code: 'USD', scale: 2 });
  const api = createApiClient(apiUrl, body.key);
  const [alice, bob] = [`alice-usd${run}`, `bob-usd${run}`];
  for (const id of [alice, bob]) await api.post('/v1/wallets', { id, owner: id, asset: 'USD' });
  const funds = { wallet: alice, amount: '1000' };
  const { body: deposit } = await api.post<{ id: string }>('/v1/deposits', funds, `funds${run}`);
  await api.post(`/v1/deposits/${encodeURIComponent(deposit.id)}/confirm`, {}, `funds${run}`);
  return { api, alice, bob, run };
}

async function lookAround(path: string, baseUrl: string, desk: Omit<Desk, 'ui'>): Promise<void> {
  const browser = await launchBrowser(path);
  try {
    const page = await browser.newPage({ viewport: VIEWPORT, timezoneId: 'UTC' });
    const ui = createTemporalUi(page, baseUrl, SHOTS);
    try {
      for (const part of TOUR) await part({ ...desk, ui });
    } catch (error) {
      line(`What was on the screen then: ${await ui.shot('failed')}`);
      throw error;
    }
  } finally {
    await browser.close();
  }
}

// Throw-away data needs no care: the supervisors stop the servers, the browser ends with us.
endRequested(() => process.exit(INTERRUPTED)).catch(() => {});
let database: OwnDatabase | null = null;
try {
  rmSync(SHOTS, { recursive: true, force: true });
  mkdirSync(SHOTS, { recursive: true });
  const given = process.env.DATABASE_URL;
  database = given ? await ownDatabase(given) : null;
  const noChain = { CHAIN_RPC_URL: 'off', DATABASE_URL: database?.databaseUrl };
  await checkUi({ ...process.env, ...QUIET, ...noChain });
  line('All of it is as docs/operators.md says.');
} catch (error) {
  process.stderr.write(`\nThe check of the UI failed. ${(error as Error).message}\n`);
  process.exitCode = 1;
} finally {
  await database?.drop();
}

/** A headless Chromium: found on this machine, never fetched. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Nothing here needs a graphics card, an update or a call home. */
const SWITCHES = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Path of the browser: `CHROMIUM_PATH`, else the first of the usual names on `PATH`, else the one
 * that Playwright has fetched before.
 *
 * @throws an Error that says where it looked and how to get one
 */
export function findBrowser(env: NodeJS.ProcessEnv): string {
  const chosen = env.CHROMIUM_PATH;
  if (chosen) {
    if (isExecutable(chosen)) return chosen;
    throw new Error(`CHROMIUM_PATH=${chosen} is no program that can be run. Mend or unset it.`);
  }
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = [...onPath, chromium.executablePath()].find(isExecutable);
  if (found) return found;
  throw new Error(
    `No browser was found: none of ${NAMES.join(', ')} is on PATH, and Playwright has none of its` +
      ' own. Install Chromium (apt-get install chromium; brew install --cask chromium; or' +
      ' npx playwright-core install chromium), or set CHROMIUM_PATH to a Chromium or Chrome.',
  );
}

/** Starts it; `close` ends its processes and removes its profile. */
export function launchBrowser(executablePath: string): Promise<Browser> {
  // As root Chromium refuses to start with its sandbox; the only pages shown are our own.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args: [...SWITCHES, ...asRoot] });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Temporal's servers from temporal.download, the address that `@temporalio/testing` fetches from.
 * It is asked here directly, so that an unreachable address is given up quickly and progress is
 * told.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installExecutable } from './executables.ts';
import { unzipEntry } from './zip.ts';

const DOWNLOAD_SERVICE = 'https://temporal.download';

export type Artifact = 'cli' | 'temporal-test-server';

/** A firewall that swallows packets must not cost more than this before the next way is tried. */
const ANSWER_TIMEOUT_MS = 8_000;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const PLATFORM: Record<string, string> = { linux: 'linux', darwin: 'darwin' };
const ARCH: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Downloads the artifact that the service names for this platform and puts it to `target`.
 *
 * @throws an Error in one sentence when the service or the archive cannot be had
 */
export async function fetchOfficial(
  artifact: Artifact,
  target: string,
  service: string = DOWNLOAD_SERVICE,
): Promise<void> {
  const query = new URLSearchParams({
    arch: ARCH[process.arch] ?? process.arch,
    platform: PLATFORM[process.platform] ?? process.platform,
    format: 'tar.gz',
    'sdk-name': 'sdk-typescript',
  });
  const info = await get(`${service}/${artifact}/default?${query}`, ANSWER_TIMEOUT_MS, (r) =>
    r.json(),
  );
  const { archiveUrl, fileToExtract } = info as { archiveUrl?: string; fileToExtract?: string };
  if (!archiveUrl || !fileToExtract) {
    throw new Error(`${service} gave an answer without archiveUrl and fileToExtract.`);
  }
  const archive = Buffer.from(await get(archiveUrl, DOWNLOAD_TIMEOUT_MS, (r) => r.arrayBuffer()));
  installExecutable(extract(archive, archiveUrl, fileToExtract, dirname(target)), target);
}

async function get<T>(url: string, timeoutMs: number, read: (r: Response) => Promise<T>) {
  const { host } = new URL(url);
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    if (response.ok) return await read(response);
    throw new Error(`it answered ${response.status}`);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: Error };
    throw new Error(`${host} could not be reached (${cause?.message ?? message}).`);
  }
}

/** One file of a .zip or .tar.gz. */
function extract(archive: Buffer, url: string, file: string, scratch: string): Buffer {
  if (new URL(url).pathname.endsWith('.zip')) return unzipEntry(archive, file);
  mkdirSync(scratch, { recursive: true });
  const folder = mkdtempSync(join(scratch, 'archive-'));
  try {
    writeFileSync(join(folder, 'archive.tar.gz'), archive);
    execFileSync('tar', ['-xzf', 'archive.tar.gz', file], { cwd: folder, stdio: 'pipe' });
    return readFileSync(join(folder, file));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

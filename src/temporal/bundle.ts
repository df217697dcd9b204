/** The workflows as one script, as the worker's sandbox runs them. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

export interface WorkflowBundle {
  code: string;
  /** Hash of the sources: two processes with the same one run the same workflows. */
  id: string;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** What a bundle is made of, how, and with which packages: they are pinned in package.json. */
const SOURCES = ['workflows', 'src/contracts'];
const FILES = ['src/temporal/bundle.ts', 'package.json'];

/**
 * Bundles the workflows, or takes the bundle that an earlier process made of the same sources:
 * bundling costs seconds, and every test file and every start would pay them.
 *
 * @param failureConverterPath the module that makes failures of errors; left out: the SDK's own
 */
export async function bundleWorkflows(
  failureConverterPath?: string,
  cacheFolder = join(ROOT, 'node_modules/.cache/holdfast'),
): Promise<WorkflowBundle> {
  const id = hashOfSources();
  const kind = failureConverterPath === undefined ? 'workflows' : 'workflows-sealed';
  const file = join(cacheFolder, `${kind}-${id}.cjs`);
  const cached = readIfThere(file);
  if (cached !== null) return { code: cached, id };
  const workflowsPath = join(ROOT, 'workflows/index.ts');
  const stepOrderPath = join(ROOT, 'workflows/stepOrder.ts');
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    ...(failureConverterPath !== undefined && { failureConverterPath }),
    // Loaded once a process instead of once a saga. So no module of these may keep anything of one
    // saga at its top level (test/static/tidyRules.ts).
    preloadModules: [workflowsPath, stepOrderPath],
    workflowInterceptorModules: [stepOrderPath],
    // Modules are named from here, wherever the process was started: the bundle is kept.
    webpackConfigHook: (config) => ({ ...config, context: ROOT }),
    logger: new DefaultLogger('WARN'),
  });
  keep(cacheFolder, file, code);
  return { code, id };
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const file of FILES) hash.update(readFileSync(join(ROOT, file)));
  for (const folder of SOURCES) {
    for (const name of readdirSync(join(ROOT, folder)).sort()) {
      hash.update(`${folder}/${name}\0`).update(readFileSync(join(ROOT, folder, name)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/** Written beside and renamed, so that a process that starts now never reads half of it. */
function keep(folder: string, file: string, code: string): void {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(draft, code);
    renameSync(draft, file);
  } catch {
    // A read-only installation bundles at each start.
  }
}

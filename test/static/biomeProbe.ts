/** Lints made-up files under the repository's own rules, in a folder that is gone afterwards. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Offence {
  file: string;
  line: number;
  /** The rule's name, such as `noConsole`, or `plugin`. */
  rule: string;
}

interface BiomeReport {
  diagnostics: { category: string; location: { path: string; start?: { line: number } } }[];
}

/**
 * Runs Biome over `files` (path → text) with biome.json and its plugins.
 *
 * @param noise rules that a made-up file breaks by being made up (unused imports and the like)
 */
export async function lintProbes(
  files: Record<string, string>,
  noise: string[] = ['noUnusedImports', 'noUnusedVariables'],
): Promise<Offence[]> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-lint-'));
  try {
    await cp(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
    await mkdir(join(folder, 'test/static'), { recursive: true });
    const plugin = 'test/static/typeOnlyActivities.grit';
    await cp(join(ROOT, plugin), join(folder, plugin));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const report = await runBiome(folder, Object.keys(files));
    return report.diagnostics
      .map((found) => ({
        file: found.location.path,
        line: found.location.start?.line ?? 0,
        rule: found.category.split('/').at(-1) ?? '',
      }))
      .filter((offence) => !noise.includes(offence.rule));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Biome exits 1 where it found something; only output that is no report is a failure. */
function runBiome(folder: string, files: string[]): Promise<BiomeReport> {
  const flags = ['lint', '--vcs-enabled=false', '--reporter=json', '--max-diagnostics=none'];
  return new Promise((resolve, reject) => {
    execFile(
      join(ROOT, 'node_modules/.bin/biome'),
      [...flags, ...files],
      { cwd: folder, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout, stderr) => {
        const start = stdout.indexOf('{');
        if (start < 0) reject(new Error(`Biome gave no report: ${stderr}`));
        else resolve(JSON.parse(stdout.slice(start)) as BiomeReport);
      },
    );
  });
}

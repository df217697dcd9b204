import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { ClosingLine } from './test/support/closingLine.ts';
import { SlowFirst } from './test/support/slowFirst.ts';

export default defineConfig({
  test: {
    // Child processes, never threads: Temporal's native module crashes in worker threads.
    pool: 'forks',
    // A process runs many files: to load the SDK, the chain's library and our own modules anew for
    // each took a fifth of the run. What a file changes in its process it puts back.
    isolate: false,
    // Node loads the modules, as those of the service: nothing here needs vite to transform it.
    experimental: { viteModuleRunner: false },
    restoreMocks: true,
    // Each file has a database, a namespace and a chain of its own, and most of the time it waits
    // for them: with three files on two cores a sixth of both is idle.
    maxWorkers: Math.max(4, availableParallelism()),
    sequence: { sequencer: SlowFirst },
    globalSetup: ['test/support/globalSetup.ts'],
    setupFiles: ['test/support/fileEnd.ts'],
    reporters: ['default', new ClosingLine()],
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // What is asked again and again until it is so has no reason to give up before its test does:
    // the default of one second is less than a busy machine takes.
    expect: { poll: { timeout: 25_000 } },
    hookTimeout: 120_000,
  },
});

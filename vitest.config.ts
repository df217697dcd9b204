import { defineConfig } from 'vitest/config';

/** Child processes, never threads: Temporal's native module crashes in worker threads. */
export default defineConfig({
  test: {
    pool: 'forks',
    globalSetup: ['test/support/globalSetup.ts'],
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});

import { defineConfig } from 'vitest/config';

// Unit tests read the sources through the `source` condition; e2e starts the built server as a user would.
const source = { resolve: { conditions: ['source'] }, ssr: { resolve: { conditions: ['source'] } } };
const threads = { pool: 'forks' as const, execArgv: ['--conditions=source', '--import=tsx'] };

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'packages/*/test/**/*.test.ts'],
          testTimeout: 20_000,
          ...threads,
        },
      },
      {
        ...source,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          ...threads,
        },
      },
    ],
  },
});

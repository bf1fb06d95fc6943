import { defineConfig } from 'vitest/config';

// Published test vectors, which are not part of the project: see files.ts.
export default defineConfig({
  test: {
    include: ['test/vectors/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});

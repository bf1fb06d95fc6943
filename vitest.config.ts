import { defineConfig } from 'vitest/config';

// Tests run the build that ships (package.json "imports"), so that workers, the
// command and the library are the same code on every Node.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/vectors/**', 'test/interop/**'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});

import { defineConfig } from 'vitest/config';

// The tests of what is mutated, on the source instead of the build: mutants are in the source.
export default defineConfig({
  resolve: {
    alias: [{ find: /^#strongroom\/(.*)\.js$/, replacement: `${process.cwd()}/src/$1.ts` }],
  },
  test: {
    include: ['test/{crypto,archive,custody,operations}/**/*.test.ts'],
    exclude: ['test/custody/ring/kills.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

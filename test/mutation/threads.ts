/** Worker threads run the mutant too: they read its number from their environment. */
import { beforeEach } from 'vitest';

const { __stryker__: stryker } = globalThis as { __stryker__?: { activeMutant?: string } };

beforeEach(() => {
  if (stryker?.activeMutant !== undefined) {
    process.env.__STRYKER_ACTIVE_MUTANT__ = stryker.activeMutant;
  }
});

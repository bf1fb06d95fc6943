import type { Predecessor } from '../index.ts';

/** Rows that tell where the content of an archive that was rekeyed comes from, oldest first. */
export const lineage = (rekeyed: readonly Predecessor[] = []) =>
  rekeyed.map(
    ({ author, contentRoot, time }, i) =>
      [
        i === 0 ? 'rekeyed from' : '',
        `${contentRoot}, sealed by ${author.name} at ${time}`,
      ] as const,
  );

/** Rows that tell what an author says of a model, and where an archive comes from. */
import type { Claims, Predecessor } from '../index.ts';
import { encode } from './messages.ts';

/** Rows for claims: those with a meaning in words, the others as JSON. */
export async function claimRows(claims: Claims | undefined) {
  const { formatParent, knownClaims, otherClaims } = await import('../index.ts');
  const { name, version, license, modelCard, parents = [], training } = knownClaims(claims);
  const others = otherClaims(claims);
  return [
    ['model', version === undefined ? name : `${name ?? ''} ${version}`.trim()],
    ['licence', license],
    [
      'model card',
      modelCard && [`sha256 ${modelCard.sha256}`, modelCard.uri ?? []].flat().join(', '),
    ],
    ...parents.map((parent, i) => [i === 0 ? 'derived from' : '', formatParent(parent)] as const),
    ['training', training && encode(training)],
    ['claims', others && encode(others)],
  ] as const;
}

/** Rows that tell where the content of an archive that was rekeyed comes from, oldest first. */
export const lineage = (rekeyed: readonly Predecessor[] = []) =>
  rekeyed.map(
    ({ author, contentRoot, time }, i) =>
      [
        i === 0 ? 'rekeyed from' : '',
        `${contentRoot}, sealed by ${author.name} at ${time}`,
      ] as const,
  );

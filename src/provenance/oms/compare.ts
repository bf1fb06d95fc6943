/** What a model has against what a statement says that it has. */
import { printable } from '../../archive/paths.ts';
import { StrongroomError } from '../../errors.ts';
import type { Resource } from './statement.ts';

const shown = 5;

/**
 * Holds what was found to be what was signed, nothing more and nothing less.
 * @param where names the model in errors.
 * @throws StrongroomError OMS_MISMATCH with the first few files that differ.
 */
export function assertSameResources(
  found: readonly Resource[],
  signed: readonly Resource[],
  where: string,
): void {
  const expected = new Map(signed.map(({ name, digest }) => [name, digest]));
  if (expected.size !== signed.length) {
    throw new StrongroomError('OMS_INVALID', `${where}: the statement names a file twice`);
  }
  const differences: string[] = [];
  for (const { name, digest } of found) {
    const wanted = expected.get(name);
    expected.delete(name);
    if (wanted === undefined) differences.push(`${name} was not signed`);
    else if (wanted !== digest) differences.push(`${name} was changed`);
  }
  for (const name of expected.keys()) differences.push(`${name} is missing`);
  if (differences.length === 0) return;
  const first = differences.slice(0, shown).map(printable).join(', ');
  const more = differences.length > shown ? `, and ${differences.length - shown} more` : '';
  throw new StrongroomError('OMS_MISMATCH', `${where}: ${first}${more}`, { file: where });
}

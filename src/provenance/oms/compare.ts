/** What a model has against what a statement says that it has. */

import { type Sharding, shardCount } from '../../archive/digests.ts';
import { StrongroomError } from '../../errors.ts';
import { printable } from '../../text.ts';
import { type Resource, resourceName } from './statement.ts';

const shown = 5;

/**
 * Refuses files of which not all was signed, before any of them is hashed: shards of one byte
 * would ask for a digest of each.
 * @throws StrongroomError OMS_MISMATCH with the first file or shard that was not signed.
 */
export function assertAllSigned(
  files: readonly { readonly path: string; readonly size: number }[],
  sharding: Sharding,
  signed: readonly Resource[],
  where: string,
): void {
  const names = new Set(signed.map(({ name }) => name));
  for (const file of files) {
    for (let shard = 0; shard < shardCount(file.size, sharding); shard++) {
      const name = resourceName(file, shard, sharding);
      if (names.has(name)) continue;
      const message = `${where}: ${printable(name)} was not signed`;
      throw new StrongroomError('OMS_MISMATCH', message, { file: where });
    }
  }
}

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

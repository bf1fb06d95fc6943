/**
 * Removing the partial tiles of a log whose full ones are there: whoever still reads by an older
 * checkpoint finds those in their place.
 *
 * c2sp.org/tlog-tiles, "Partial tiles"
 */
import { readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hashesAt, partialDirectory, type TileLevel, tileWidth } from './tiles.ts';

/**
 * Files that one append removes of a tile. An append leaves one; removing all of a tile's at
 * once, the one that fills it would take many times as long as the others.
 */
const atOnce = 8;

/**
 * Removes some of them, or leaves them where that fails: they do no harm.
 * @param before entries of the log before it was appended to, `size` those after.
 */
export async function removePartials(directory: string, before: number, size: number) {
  const levels: TileLevel[] = ['entries'];
  for (let level = 0; hashesAt(size, level) >= tileWidth; level++) levels.push(level);
  await Promise.allSettled(
    levels.flatMap((level) => {
      const pathOf = (index: number) => join(directory, partialDirectory(level, index));
      const last = fullAt(size, level) - 1;
      const grown = fullAt(before, level);
      // No later append comes back to a tile that is not the last
      const passed = grown < last ? [rm(pathOf(grown), { recursive: true, force: true })] : [];
      return last < 0 ? passed : [...passed, removeSome(pathOf(last))];
    }),
  );
}

/** Full tiles that a log of `size` entries has at a level. */
const fullAt = (size: number, level: TileLevel): number =>
  Math.floor(hashesAt(size, level) / tileWidth);

async function removeSome(directory: string): Promise<void> {
  const names = await readdir(directory);
  await Promise.all(names.slice(0, atOnce).map((name) => unlink(join(directory, name))));
  if (names.length <= atOnce) await rmdir(directory);
}

/** What follows an archive whose footer is not where it belongs (docs/format.md, "Footer"). */
import { readExactly, type Source } from '../engine/source.ts';
import { StrongroomError } from '../errors.ts';
import type { Core } from './core.ts';
import { archiveIdAt, footerBytes, footerMagic } from './footer.ts';

/** How much may follow and still be told from an archive that was cut short. */
const searchedBytes = 2 ** 28;
const chunkBytes = 2 ** 20;

/**
 * Looks back from the end for the footer of this archive; nothing is read of what it says.
 * @throws StrongroomError TRAILING_BYTES when it is found.
 */
export async function assertNothingFollows(source: Source, core: Core): Promise<void> {
  const id = Buffer.from(core.archiveId.subarray(0, footerBytes - archiveIdAt));
  const lowest = Math.max(0, source.size - searchedBytes);
  for (let end = source.size; end > lowest; end -= chunkBytes) {
    const from = Math.max(0, end - chunkBytes - footerBytes);
    const chunk = Buffer.from(await readExactly(source, from, end - from));
    for (let at = chunk.lastIndexOf(footerMagic); at >= 0; ) {
      if (chunk.subarray(at + archiveIdAt, at + footerBytes).equals(id)) {
        const after = source.size - (from + at + footerBytes);
        throw new StrongroomError(
          'TRAILING_BYTES',
          `${source.name}: ${after} bytes follow its end`,
          { file: source.name, offset: from + at },
        );
      }
      at = at === 0 ? -1 : chunk.lastIndexOf(footerMagic, at - 1);
    }
  }
}

/** Choosing files by the tensors that are in them. */
import type { Source } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import type { Unlocked } from '../reader.ts';
import { PlaintextReader, SegmentReader } from '../segments.ts';
import { globMatcher } from '../select.ts';
import { findTensors, type ReadFile } from './find.ts';

/**
 * Paths of the files that hold a tensor whose name matches one of the globs.
 * @throws StrongroomError NO_SUCH_TENSOR when a glob matches nothing; MODEL_INVALID; and of any
 *   segment read.
 */
export async function filesHolding(
  source: Source,
  archive: Unlocked,
  globs: readonly string[],
): Promise<ReadonlySet<string>> {
  const { payload, tree } = archive.trailer;
  const segments = await SegmentReader.open(source, payload, tree);
  const reader = new PlaintextReader(payload, segments, archive.floe);
  try {
    const read: ReadFile = async ({ offset: at, size }, offset, length) => {
      const bytes = new Uint8Array(Math.min(length, size - offset));
      await reader.readAt(bytes, at + offset);
      return bytes;
    };
    const files = archive.manifest.entries.filter((entry) => entry.type === 'file');
    const tensors = await findTensors(files, read);
    const paths = new Set<string>();
    for (const glob of globs) {
      const matches = globMatcher(glob);
      const found = tensors.filter(({ name }) => matches(name));
      if (found.length === 0) {
        throw new StrongroomError('NO_SUCH_TENSOR', `no tensor in the archive matches ${glob}`);
      }
      for (const { file } of found) paths.add(file);
    }
    return paths;
  } finally {
    reader.close();
  }
}

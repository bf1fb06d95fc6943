/** Whether the tar inside lists what the manifest lists, so that every reader opens the same. */
import type { Source } from '../engine/source.ts';
import { StrongroomError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import type { Entry } from './entry.ts';
import { printable } from './paths.ts';
import type { Unlocked } from './reader.ts';
import { PlaintextReader, SegmentReader } from './segments.ts';
import { readTarEntriesAsync } from './tar/read.ts';

/**
 * Reads the headers of the tar in an archive and holds them against its manifest.
 * @throws StrongroomError TAR_MISMATCH, TAR_INVALID, ENTRY_UNSAFE; and of any segment read.
 */
export async function assertTarFits(source: Source, archive: Unlocked): Promise<void> {
  const { payload, tree } = archive.trailer;
  const segments = await SegmentReader.open(source, payload, tree);
  const reader = new PlaintextReader(payload, segments, archive.floe);
  try {
    const entries = await readTarEntriesAsync(async (offset, length) => {
      const bytes = new Uint8Array(length);
      return bytes.subarray(0, await reader.readAt(bytes, offset));
    }, payload.length);
    assertSameEntries(entries, archive.manifest.entries, source.name);
  } finally {
    reader.close();
  }
}

/** @throws StrongroomError TAR_MISMATCH with the first entry that differs. */
export function assertSameEntries(
  tar: readonly Entry[],
  manifest: readonly Entry[],
  name: string,
): void {
  const differs = (a: Entry | undefined, b: Entry | undefined) =>
    a === undefined || b === undefined || !Buffer.from(encodeJson(a)).equals(encodeJson(b));
  for (let i = 0; i < Math.max(tar.length, manifest.length); i++) {
    const [inTar, inManifest] = [tar[i], manifest[i]];
    if (!differs(inTar, inManifest)) continue;
    const path = printable((inTar ?? inManifest)?.path ?? '');
    const message = `${name}: tar and manifest differ at ${path}`;
    throw new StrongroomError('TAR_MISMATCH', message, { file: name });
  }
}

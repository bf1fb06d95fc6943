/** Whether the tar inside lists what the manifest lists, so that every reader opens the same. */
import type { Source } from '../engine/source.ts';
import { isStrongroomError, StrongroomError } from '../errors.ts';
import { encodeJson } from '../json.ts';
import { printable } from '../text.ts';
import type { Entry } from './entry.ts';
import type { Manifest } from './manifest.ts';
import type { Unlocked } from './reader.ts';
import { PlaintextReader, SegmentReader } from './segments.ts';
import { blockBytes } from './tar/header.ts';
import { readTarEntriesAsync, readTarHeaders } from './tar/read.ts';

/**
 * Reads the headers of the tar in an archive and holds them against its manifest.
 * @throws StrongroomError TAR_MISMATCH, TAR_INVALID, ENTRY_UNSAFE; and of any segment read.
 */
export const assertTarFits = (source: Source, archive: Unlocked): Promise<void> =>
  withPlaintext(source, archive, async (reader) => {
    const entries = await readTarEntriesAsync(rangesOf(reader), reader.length);
    assertSameEntries(entries, archive.manifest.entries, source.name);
  });

/** `assertHeadersFit` on an archive whose plaintext nobody else reads. */
export const assertSomeFit = (
  source: Source,
  archive: Unlocked,
  entries: readonly Entry[],
): Promise<void> =>
  withPlaintext(source, archive, (reader) =>
    assertHeadersFit(reader, archive.manifest, entries, source.name),
  );

async function withPlaintext(
  source: Source,
  { trailer, floe }: Unlocked,
  use: (reader: PlaintextReader) => Promise<void>,
): Promise<void> {
  const { payload, tree } = trailer;
  const reader = new PlaintextReader(
    payload,
    await SegmentReader.open(source, payload, tree),
    floe,
  );
  try {
    await use(reader);
  } finally {
    reader.close();
  }
}

/** What is read of a payload's plaintext. */
type Plaintext = Pick<PlaintextReader, 'length' | 'readAt'>;

const rangesOf = (reader: Plaintext) => async (offset: number, length: number) => {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, await reader.readAt(bytes, offset));
};

/**
 * The same for some of the entries alone: of the tar, the headers of those are read, and of what
 * stands between them and the file before. A reader that releases one file reads no more.
 * @param entries some of the manifest's own, in its order.
 * @throws StrongroomError TAR_MISMATCH, and of any segment read.
 */
export async function assertHeadersFit(
  reader: Plaintext,
  manifest: Manifest,
  entries: readonly Entry[],
  name: string,
): Promise<void> {
  const wanted = new Set(entries);
  let from = 0;
  let gap: Entry[] = [];
  for (const entry of manifest.entries) {
    gap.push(entry);
    // What lies before a file's bytes tells of it and of the directories behind the last file
    if (entry.type !== 'file') continue;
    if (gap.some((each) => wanted.has(each))) await compare(reader, from, gap, name);
    const end = entry.offset + entry.size;
    from = end + ((blockBytes - (end % blockBytes)) % blockBytes);
    gap = [];
  }
  const last = gap.findLastIndex((each) => wanted.has(each));
  await compare(reader, from, gap.slice(0, last + 1), name);
}

/** Holds the headers from `from` on to be those of `expected`. */
async function compare(
  reader: Plaintext,
  from: number,
  expected: readonly Entry[],
  name: string,
): Promise<void> {
  let found = 0;
  try {
    const headers = readTarHeaders(rangesOf(reader), from, reader.length);
    while (found < expected.length) {
      const { value } = await headers.next();
      if (differs(value ?? undefined, expected[found])) throw mismatch(expected[found], name);
      found += 1;
    }
  } catch (cause) {
    // Where no header can be read, there is none of what the manifest lists
    if (!isStrongroomError(cause, 'TAR_INVALID') && !isStrongroomError(cause, 'ENTRY_UNSAFE')) {
      throw cause;
    }
    throw mismatch(expected[found], name, cause);
  }
}

/** @throws StrongroomError TAR_MISMATCH with the first entry that differs. */
export function assertSameEntries(
  tar: readonly Entry[],
  manifest: readonly Entry[],
  name: string,
): void {
  for (let i = 0; i < Math.max(tar.length, manifest.length); i++) {
    const [inTar, inManifest] = [tar[i], manifest[i]];
    if (differs(inTar, inManifest)) throw mismatch(inTar ?? inManifest, name);
  }
}

const differs = (a: Entry | undefined, b: Entry | undefined): boolean =>
  a === undefined || b === undefined || !Buffer.from(encodeJson(a)).equals(encodeJson(b));

function mismatch(entry: Entry | undefined, name: string, cause?: unknown): StrongroomError {
  const message = `${name}: tar and manifest differ at ${printable(entry?.path ?? '')}`;
  return new StrongroomError('TAR_MISMATCH', message, { file: name, cause });
}

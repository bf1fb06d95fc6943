/** Finishing a plan to open: what workers wrote is looked at, and the stage gets its name. */
import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import { type Extent, shareExtents } from '../../archive/jobs/sinks.ts';
import { unlockKeyring } from '../../archive/keyring.ts';
import { readFront } from '../../archive/reader.ts';
import { PlaintextReader, SegmentReader } from '../../archive/segments.ts';
import { equal, wipe } from '../../bytes.ts';
import { floeHeaderBytes, startDecryption } from '../../crypto/floe.ts';
import { FileCache, openToRead, readFully, using } from '../../engine/files.ts';
import { adoptDirectory } from '../../engine/output.ts';
import { type OpenedSource, readExactly } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import type { BodyOf } from '../../scale/document.ts';
import { countRanges } from '../../scale/winners.ts';
import { finishTree, placeExtents } from '../extract.ts';
import { assertComplete, type FinishedWork, type Finishing } from './finish.ts';
import { readReceipts } from './place.ts';
import { sampled } from './sampled.ts';
import { readOpening } from './secrets.ts';
import { openPlanned, placeOf, rangeOf, spansOf } from './work-open.ts';

export async function finishOpen(
  finishing: Finishing,
  body: BodyOf<'open'>,
): Promise<FinishedWork> {
  const { plan, options, signal } = finishing;
  const { contentRoot, stage, output } = body;
  const { receipts, refused } = await readReceipts(plan, signal);
  const { winners, superseded, missing } = countRanges(body.ranges, receipts);
  const content = await readOpening(plan, options.identity, body.plannerKey);
  const files = content.entries.filter(({ type }) => type === 'file').length;
  const told = { contentRoot, winners, superseded, refused, files };
  // Each worker gave its files their names; of what lies on other machines nothing can be seen
  if (stage === undefined || output === undefined) {
    assertComplete(plan, missing, refused);
    return { state: 'finished', ...told, checked: 0 };
  }
  const isStaged = lstatSync(stage, { throwIfNoEntry: false }) !== undefined;
  if (!isStaged && lstatSync(output, { throwIfNoEntry: false })?.isDirectory()) {
    return { state: 'already', ...told, checked: 0 };
  }
  assertComplete(plan, missing, refused);
  const target = adoptDirectory(output, basename(stage));
  const extents = placeExtents(stage, content.entries);
  for (const { path, size } of extents) {
    if (lstatSync(path, { throwIfNoEntry: false })?.size === size) continue;
    throw new StrongroomError('PLAN_INCOMPLETE', `${path}: is not as long as it should be`, {
      file: path,
      hint: 'do its ranges again: remove their receipts first',
    });
  }
  const spans = Array.from({ length: body.ranges }, (_, range) =>
    spansOf(rangeOf(plan, body, content, range).segments),
  );
  const checked = await compare(finishing, body, extents, spans.flat());
  finishTree(stage, content.entries);
  target.commit();
  return { state: 'finished', ...told, checked };
}

/** Holds files to be what the archive says, in as many segments as asked for; returns how many. */
async function compare(
  { plan, options, check, signal }: Finishing,
  body: BodyOf<'open'>,
  extents: readonly Extent[],
  spans: Parameters<typeof sampled>[0],
): Promise<number> {
  if (check === 'none') return 0;
  const { segments } = body.payload;
  const chosen = check === 'full' ? Array.from({ length: segments }, (_, i) => i) : sampled(spans);
  await using(openPlanned(plan, body, options.archive, signal), (source) =>
    using(
      readerOf(source, plan.core.segmentBytes, { plan, options, check, signal }, body),
      (reader) => compareSegments(reader, plan.core.segmentBytes, extents, chosen, signal),
    ),
  );
  return chosen.length;
}

async function readerOf(
  source: OpenedSource,
  segmentBytes: number,
  { plan, options, signal }: Finishing,
  body: BodyOf<'open'>,
): Promise<PlaintextReader> {
  const { core, ring } = await readFront(source, options.keyring, signal);
  const { fileKey, keys } = await unlockKeyring(ring, core, options.identity, source.name, signal);
  wipe(fileKey);
  try {
    const { payload, tree } = placeOf(plan, body);
    const header = await readExactly(source, payload.at, floeHeaderBytes);
    const floe = startDecryption(keys.payload, core.hash, header, segmentBytes);
    return new PlaintextReader(payload, await SegmentReader.open(source, payload, tree), floe);
  } finally {
    keys.wipe();
  }
}

async function compareSegments(
  reader: PlaintextReader,
  segmentBytes: number,
  extents: readonly Extent[],
  chosen: ArrayLike<number>,
  signal: AbortSignal,
): Promise<void> {
  const files = new FileCache((i) => openToRead((extents[i] as Extent).path));
  const buffer = new Uint8Array(segmentBytes);
  const written = new Uint8Array(segmentBytes);
  const { offsets, sizes } = shareExtents(extents);
  try {
    let first = 0;
    for (const segment of Array.from(chosen)) {
      signal.throwIfAborted();
      const from = segment * segmentBytes;
      const to = from + (await reader.readAt(buffer, from));
      const end = (i: number) => (offsets[i] as number) + (sizes[i] as number);
      while (first < extents.length && end(first) <= from) first++;
      for (let i = first; i < extents.length && (offsets[i] as number) < to; i++) {
        const start = Math.max(offsets[i] as number, from);
        const length = Math.min(end(i), to) - start;
        const part = written.subarray(0, length);
        const read = readFully(files.get(i), part, start - (offsets[i] as number));
        if (read === length && equal(part, buffer.subarray(start - from, start - from + length)))
          continue;
        const { path } = extents[i] as Extent;
        throw new StrongroomError('SEGMENT_INVALID', `${path}: is not what was sealed`, {
          file: path,
          segment,
          hint: 'find out which worker wrote it: remove its receipts, and do its ranges again',
        });
      }
    }
  } finally {
    buffer.fill(0);
    written.fill(0);
    files.close();
  }
}

/** Finishing a plan to open: what workers wrote is looked at, and the stage gets its name. */
import { lstatSync } from 'node:fs';
import { basename } from 'node:path';
import { payloadOffset } from '../../archive/core.ts';
import { type Extent, shareExtents } from '../../archive/jobs/sinks.ts';
import { unlockKeyring } from '../../archive/keyring.ts';
import { readFront } from '../../archive/reader.ts';
import { PlaintextReader, SegmentReader } from '../../archive/segments.ts';
import { equal, wipe } from '../../bytes.ts';
import { type FloeState, floeHeaderBytes, startDecryption } from '../../crypto/floe.ts';
import { FileCache, noFollow, openToRead, readFully, using } from '../../engine/files.ts';
import { adoptDirectory } from '../../engine/output.ts';
import { firstBeyond } from '../../engine/pieces.ts';
import { type OpenedSource, readExactly } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import type { Span } from '../../scale/division.ts';
import type { BodyOf } from '../../scale/document.ts';
import { countRanges } from '../../scale/winners.ts';
import { assertTree, finishTree, placeExtents } from '../extract.ts';
import { chosenOf, eachChosen } from './chosen.ts';
import { assertComplete, type FinishedWork, type Finishing } from './finishing.ts';
import { readReceipts } from './place.ts';
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
  const content = await readOpening(plan, body, options.identity, body.plannerKey);
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
  assertTree(stage, content.entries);
  const checked = await compare(finishing, body, extents, spans.flat());
  finishTree(stage, content.entries);
  target.commit();
  return { state: 'finished', ...told, checked };
}

/** Holds files to be what the archive says, in as many segments as asked for; returns how many. */
async function compare(
  finishing: Finishing,
  body: BodyOf<'open'>,
  extents: readonly Extent[],
  spans: readonly Span[],
): Promise<number> {
  const { plan, options, check, signal } = finishing;
  if (check === 'none') return 0;
  const chosen = chosenOf(check, spans);
  await using(openPlanned(plan, body, options.archive, signal), async (source) => {
    const floe = await floeOf(source, finishing);
    const { payload, tree } = placeOf(plan, body);
    try {
      const segments = await SegmentReader.open(source, payload, tree);
      await using(new PlaintextReader(payload, segments, floe), (reader) =>
        compareFiles(reader, plan.core.segmentBytes, extents, chosen, signal),
      );
    } finally {
      wipe(floe.messageKey);
    }
  });
  return chosen?.length ?? body.payload.segments;
}

/** The key of the payload, by the key ring of the archive: what it must lead to, the plan says. */
async function floeOf(source: OpenedSource, { options, signal }: Finishing): Promise<FloeState> {
  const { core, ring } = await readFront(source, options.keyring, signal);
  const { fileKey, keys } = await unlockKeyring(ring, core, options.identity, source.name, signal);
  wipe(fileKey);
  try {
    const header = await readExactly(source, payloadOffset(core), floeHeaderBytes);
    return startDecryption(keys.payload, core.hash, header, core.segmentBytes);
  } finally {
    keys.wipe();
  }
}

async function compareFiles(
  reader: PlaintextReader,
  segmentBytes: number,
  extents: readonly Extent[],
  chosen: Float64Array | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { offsets, sizes } = shareExtents(extents);
  const end = (i: number) => (offsets[i] as number) + (sizes[i] as number);
  const written = new Uint8Array(segmentBytes);
  const files = new FileCache((i) => openToRead((extents[i] as Extent).path, noFollow));
  const hold = (plaintext: Uint8Array, at: number, segment: number) => {
    const to = at + plaintext.length;
    for (let i = firstBeyond(extents.length, end, at); i < extents.length; i++) {
      const offset = offsets[i] as number;
      if (offset >= to) break;
      const start = Math.max(offset, at);
      const sealed = plaintext.subarray(start - at, Math.min(end(i), to) - at);
      const part = written.subarray(0, sealed.length);
      const read = readFully(files.get(i), part, start - offset);
      if (read === part.length && equal(part, sealed)) continue;
      const { path } = extents[i] as Extent;
      throw new StrongroomError('SEGMENT_INVALID', `${path}: is not what was sealed`, {
        file: path,
        segment,
        hint: 'find out which worker wrote it: remove its receipts, and do its ranges again',
      });
    }
  };
  try {
    await eachChosen(reader, segmentBytes, chosen, signal, hold);
  } finally {
    written.fill(0);
    files.close();
  }
}

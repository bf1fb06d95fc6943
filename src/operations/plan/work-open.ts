/** A range of a plan to open: into a stage that all workers share, or onto this machine's disk. */
import { lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { payloadOffset } from '../../archive/core.ts';
import type { Entry, FileEntry } from '../../archive/entry.ts';
import { shareExtents } from '../../archive/jobs/sinks.ts';
import { parents } from '../../archive/select.ts';
import { runParallel } from '../../archive/worker.ts';
import { equal, fromHex } from '../../bytes.ts';
import { exists, using } from '../../engine/files.ts';
import { isPrivate } from '../../engine/journal.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { createDirectory } from '../../engine/output.ts';
import { sharedNumbers } from '../../engine/shared.ts';
import type { OpenedSource } from '../../engine/source.ts';
import { StrongroomError } from '../../errors.ts';
import { type Span, shareOf } from '../../scale/division.ts';
import type { BodyOf, WorkPlan } from '../../scale/document.ts';
import type { Opening } from '../../scale/private.ts';
import { finishTree, placeExtents, prepareTree, wantedSegments } from '../extract.ts';
import { readReceipts } from './place.ts';
import { type Range, type RangeWork, wipeWindows } from './range.ts';
import { openWindows, readOpening } from './secrets.ts';

export async function openRange(range: Range, body: BodyOf<'open'>): Promise<RangeWork> {
  const { plan, worker, index, options, signal } = range;
  const { identity, output } = options;
  const content = await readOpening(plan, body, identity, body.workers[worker]?.key);
  const { entries, segments: wanted } = rangeOf(plan, body, content, index);
  const files = entries.filter(({ type }) => type === 'file');
  assertPlace(body, output);
  const { receipts } = await readReceipts(plan, signal, index);
  const counted = { segments: wanted.length, parts: 0 };
  const isThere = body.stage === undefined ? exists(output ?? '') : stillThere(body, files);
  const bytes = bytesOf(plan, body, files, wanted);
  if (receipts.length > 0 && isThere) return { ...counted, bytes };

  const windows = openWindows(plan, body, worker, identity, spansOf(wanted));
  try {
    await using(openPlanned(plan, body, options.archive, signal), async (source) => {
      const stage = body.stage === undefined ? createDirectory(output as string) : undefined;
      try {
        const root = stage?.path ?? (body.stage as string);
        const extents =
          stage === undefined ? placeExtents(root, entries) : prepareTree(root, entries);
        const floe = { windows, segmentBytes: plan.core.segmentBytes };
        const job = {
          kind: 'open',
          source: source.location,
          ...placeOf(plan, body),
          floe,
        } as const;
        const run = { ...job, extents: shareExtents(extents), wanted: sharedNumbers(wanted) };
        if (wanted.length > 0) await runParallel(run, options);
        if (stage !== undefined) {
          finishTree(root, entries);
          stage.commit();
        }
      } finally {
        stage?.discard();
      }
    });
  } finally {
    wipeWindows(windows);
  }
  return { ...counted, bytes, done: { did: 'open', bytes, files: files.length } };
}

/** The archive of a plan, which a reader finds where the plan says or where this machine has it. */
export async function openPlanned(
  { core, name }: WorkPlan,
  body: BodyOf<'open' | 'verify'>,
  archive: string | undefined,
  signal: AbortSignal,
): Promise<OpenedSource> {
  const source = await openSource(locationOf(archive ?? body.source.address), signal);
  const front = new Uint8Array(core.bytes.length);
  try {
    const read = await source.readAt(front, 0);
    if (source.size === body.source.bytes && read === front.length && equal(front, core.bytes)) {
      return source;
    }
  } catch (error) {
    source.close();
    throw error;
  }
  source.close();
  throw new StrongroomError('SOURCE_CHANGED', `${source.name}: is not the archive of ${name}`, {
    file: source.name,
    hint: 'give the archive that the plan was made for, or make a new plan',
  });
}

/** Payload and tree, as the planner has verified them. */
export function placeOf({ core }: WorkPlan, body: BodyOf<'open' | 'verify'>) {
  const { segmentBytes, suite } = core;
  const { payload, source, contentRoot } = body;
  return {
    payload: { hash: suite.hash.name, at: payloadOffset(core), segmentBytes, ...payload },
    tree: { at: source.tilesAt, leaves: payload.segments, root: fromHex(contentRoot) },
  };
}

/** What of the archive a range is: entries, and the segments that they are in. */
export function rangeOf(
  { core }: Pick<WorkPlan, 'core'>,
  body: Pick<BodyOf<'open'>, 'by' | 'payload' | 'ranges'>,
  { entries, files = [] }: Pick<Opening, 'entries' | 'files'>,
  index: number,
): { readonly entries: readonly Entry[]; readonly segments: readonly number[] } {
  const { segmentBytes } = core;
  if (body.by === 'segments') {
    const { from, to } = shareOf(body.payload.segments, body.ranges, index);
    const [start, end] = [from * segmentBytes, to * segmentBytes];
    const held = entries.filter(
      (entry): entry is FileEntry =>
        entry.type === 'file' && entry.offset < end && entry.offset + entry.size > start,
    );
    return { entries: held, segments: Array.from({ length: to - from }, (_, i) => from + i) };
  }
  const before = files.slice(0, index).reduce((sum, count) => sum + count, 0);
  const all = entries.filter((entry) => entry.type === 'file');
  const own = new Set<Entry>(all.slice(before, before + (files[index] ?? 0)));
  const above = new Set([...own].flatMap(({ path }) => [...parents(path)]));
  const chosen = entries.filter(
    (entry) => own.has(entry) || (entry.type === 'directory' && above.has(entry.path)),
  );
  return { entries: chosen, segments: [...wantedSegments(placeExtents('', chosen), segmentBytes)] };
}

/** Bytes of plaintext that a range gives. */
function bytesOf(
  { core }: WorkPlan,
  body: BodyOf<'open'>,
  files: readonly Entry[],
  wanted: readonly number[],
): number {
  if (body.by === 'files')
    return files.reduce((sum, file) => sum + ('size' in file ? file.size : 0), 0);
  const { segmentBytes } = core;
  const from = (wanted[0] ?? 0) * segmentBytes;
  return Math.min(from + wanted.length * segmentBytes, body.payload.length) - from;
}

/** Runs of consecutive segments. */
export function spansOf(segments: readonly number[]): Span[] {
  const spans: { from: number; to: number }[] = [];
  for (const segment of segments) {
    const last = spans.at(-1);
    if (last?.to === segment) last.to++;
    else spans.push({ from: segment, to: segment + 1 });
  }
  return spans;
}

const stillThere = (body: BodyOf<'open'>, files: readonly Entry[]): boolean =>
  exists(body.stage as string)
    ? files.every(({ path }) => exists(join(body.stage as string, path)))
    : exists(body.output as string);

/** @throws StrongroomError USAGE, NOT_FOUND, STAGE_INVALID. */
function assertPlace({ stage, output: planned }: BodyOf<'open'>, output: string | undefined): void {
  const usage = (what: string, hint: string) => new StrongroomError('USAGE', what, { hint });
  if (stage === undefined) {
    if (output !== undefined) return;
    throw usage('the plan names no output', 'name a directory on this machine: -o DIR');
  }
  if (output !== undefined) {
    throw usage(`the plan opens into ${planned}, for all workers`, 'leave out -o');
  }
  const staged = lstatSync(stage, { throwIfNoEntry: false });
  const found = staged ?? lstatSync(planned ?? '', { throwIfNoEntry: false });
  if (!found?.isDirectory()) {
    throw new StrongroomError('NOT_FOUND', `${stage}: the stage of the plan is not there`, {
      file: stage,
      hint: `is ${dirname(stage)} the file system that the planner shares?`,
    });
  }
  // Whoever else can write to it could have files elsewhere overwritten, by a link in it
  if (staged === undefined || isPrivate(staged)) return;
  throw new StrongroomError('STAGE_INVALID', `${stage}: belongs to somebody else`, {
    file: stage,
    hint: 'run workers as the user who made the plan',
  });
}

/**
 * The stream that is to be sealed, as a plan holds it and as a worker reads it: on another
 * machine, perhaps under another directory, of the same files.
 */
import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Plan } from '../archive/plan.ts';
import { type Fingerprint, fingerprintFrom, sourceChanged } from '../engine/files.ts';
import { type Pieces, shareFiles } from '../engine/pieces.ts';
import { sharedBytes, sharedNumbers, textAt } from '../engine/shared.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { type Span, shareOf } from './division.ts';
import { deflateHeaders, inflateHeaders, type Sealing } from './private.ts';

/** @param base a real path, which the paths of files are told relative to where they lie below it. */
export function planStream(
  { entries, pieces, unread }: Plan,
  base: string,
): Omit<Sealing, 'claims'> {
  const { literals, files } = pieces;
  const place = (path: string) => {
    const below = relative(base, path);
    const isBelow = !isAbsolute(below) && below !== '..' && !below.startsWith(`..${sep}`);
    return isBelow ? below || '.' : path;
  };
  return {
    base,
    entries: [...entries],
    files: {
      at: [...files.at],
      mtimes: [...files.mtimeNs].map(String),
      paths: [...files.at].map((_, i) => place(textAt(files.paths, i))),
      sizes: [...files.sizes],
    },
    headers: {
      at: [...literals.at],
      bytes: deflateHeaders(literals.bytes),
      lengths: [...literals.lengths],
    },
    type: 'strongroom/plan-sealing',
    unread: unread.map(({ path, fingerprint, isDirectory }) => ({
      mtime: String(fingerprint.mtimeNs),
      path: place(path),
      // How long a directory is depends on who looks
      ...(isDirectory ? {} : { size: fingerprint.size }),
    })),
    version: 1,
  };
}

/**
 * What a worker reads for a span of the stream. Files are held against the plan by size and time
 * of modification, which are the same on every machine; from then on by all that this one knows.
 * @param length of the stream.
 * @throws StrongroomError SOURCE_CHANGED, PLAN_INVALID.
 */
export function piecesFor(
  { files, headers, base }: Sealing,
  length: number,
  span: Span,
  name: string,
  elsewhere?: string,
): Pieces {
  const wanted = [...files.at.keys()].filter((i) => {
    const at = files.at[i] as number;
    return at < span.to && at + (files.sizes[i] as number) > span.from;
  });
  const found = wanted.map((i) => {
    const path = placeIn(base, files.paths[i] as string, elsewhere);
    const planned = { size: files.sizes[i] as number, mtime: files.mtimes[i] as string };
    return { path, at: files.at[i] as number, fingerprint: assertAsPlanned(path, planned) };
  });
  let bytes: Uint8Array;
  try {
    bytes = inflateHeaders(headers.bytes);
  } catch (cause) {
    throw new StrongroomError('PLAN_INVALID', `${name}: headers do not inflate`, {
      file: name,
      cause,
    });
  }
  const from: number[] = [];
  let end = 0;
  for (const run of headers.lengths) {
    from.push(end);
    end += run;
  }
  if (end !== bytes.length || headers.at.length !== headers.lengths.length) {
    throw new StrongroomError('PLAN_INVALID', `${name}: headers of another length than stated`, {
      file: name,
    });
  }
  const shared = sharedBytes(bytes.length);
  shared.set(bytes);
  const literals = {
    bytes: shared,
    at: sharedNumbers(headers.at),
    from: sharedNumbers(from),
    lengths: sharedNumbers(headers.lengths),
  };
  return { length, literals, files: shareFiles(found) };
}

/**
 * Holds what no thread reads to be as planned, one range's share of it.
 * @throws StrongroomError SOURCE_CHANGED.
 */
export function assertUnreadAsPlanned(
  { unread, base }: Sealing,
  ranges: number,
  index: number,
  elsewhere?: string,
): void {
  const { from, to } = shareOf(unread.length, ranges, index);
  for (const { path, ...planned } of unread.slice(from, to)) {
    assertAsPlanned(placeIn(base, path, elsewhere), planned);
  }
}

/**
 * Where a file of a plan is on this machine. In a directory that whoever works has named, it is
 * that directory: a plan cannot have other files read.
 * @throws StrongroomError SOURCE_CHANGED.
 */
function placeIn(base: string, path: string, elsewhere: string | undefined): string {
  const at = resolve(elsewhere ?? base, path);
  if (elsewhere === undefined || at === elsewhere || at.startsWith(join(elsewhere, sep))) return at;
  throw new StrongroomError('SOURCE_CHANGED', `${at}: is not in ${elsewhere}`, {
    file: at,
    hint: 'leave out --source where files are where they were when it was planned',
  });
}

/** Where a directory that may be reached by links really is. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

function assertAsPlanned(
  path: string,
  planned: { readonly size?: number; readonly mtime: string },
): Fingerprint {
  const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) {
    throw new StrongroomError(
      'SOURCE_CHANGED',
      `${path}: is not there, as it was when it was planned`,
      {
        file: path,
        hint: 'plan anew, or name where the source is on this machine: --source DIR',
      },
    );
  }
  const found = fingerprintFrom(stat);
  if (found.mtimeNs === BigInt(planned.mtime) && found.size === (planned.size ?? found.size))
    return found;
  throw sourceChanged(path);
}

/** Opening: an archive becomes the directory or the tar that was sealed. */
import { type Core, coreBytes, decodeCore, payloadOffset } from '../archive/core.ts';
import type { Entry } from '../archive/entry.ts';
import { footerBytes } from '../archive/footer.ts';
import { LeafCollector } from '../archive/jobs/leaves.ts';
import { pipeName } from '../archive/jobs/pipe.ts';
import { shareExtents } from '../archive/jobs/sinks.ts';
import type { OutputReport } from '../archive/jobs/target.ts';
import { maxManifestBytes } from '../archive/manifest.ts';
import {
  type Access,
  readFront,
  type Unlocked,
  unlock,
  unlockFront,
  unlockTrailer,
} from '../archive/reader.ts';
import { maxSealBytes } from '../archive/seal.ts';
import { selectEntries } from '../archive/select.ts';
import { assertSameEntries, assertSomeFit, assertTarFits } from '../archive/tarfit.ts';
import { filesHolding } from '../archive/tensors/select.ts';
import { runParallel, runPipe } from '../archive/worker.ts';
import { concat, equal, hex, wipe } from '../bytes.ts';
import { ciphertextBytes, floeHeaderBytes, startDecryption } from '../crypto/floe.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import { type Storage, storageOf } from '../engine/memory.ts';
import { createDirectory, type Output, ofOutput } from '../engine/output.ts';
import type { RunOptions } from '../engine/pool.ts';
import { keptSource, readExactly } from '../engine/source.ts';
import { buildTree, tilesBytes } from '../engine/tree.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import { type OpenedOptions, prepareOpened } from './custody/opened.ts';
import type { Recorded } from './custody/place.ts';
import { finishTree, wantedSegments } from './extract.ts';
import { freshStage, resumedStage, type Stage } from './output/stage.ts';
import { inputsDigest } from './output/state.ts';
import { readInput } from './standard.ts';

export interface OpenOptions extends Access, Freshness, RunOptions {
  /** Path of the directory to be, or `-` for the tar on standard output. */
  readonly output: string;
  /** Globs: only the files and directories that match one of them. */
  readonly only?: readonly string[] | undefined;
  /**
   * Globs: also the files that hold a tensor that matches one of them. They come out as they were
   * sealed, with all their tensors: part of one would be a file that nobody has signed.
   */
  readonly tensors?: readonly string[] | undefined;
  /**
   * Go on with what an earlier attempt left, and keep what is done if this one fails too. For an
   * identity: what is opened by a quorum is opened at once.
   */
  readonly resume?: boolean | undefined;
  /** Told what became of an earlier attempt that was broken off. */
  readonly onNotice?: ((message: string) => void) | undefined;
  /** Tell in the custody file that it was opened, before what comes out gets its name. */
  readonly record?: OpenedOptions | undefined;
}

export interface OpenReport {
  readonly output: string;
  readonly archive: string;
  readonly contentRoot: string;
  readonly author: { readonly name: string; readonly fingerprint: string };
  readonly sealedAt: string;
  readonly epoch: number;
  readonly files: number;
  /** Bytes of all files that were opened. */
  readonly bytes: number;
  /** Whether the file system of the output is in memory; absent where that is not known. */
  readonly storage?: Storage;
  /** Where that was told, if it was. */
  readonly custody?: Recorded;
}

/**
 * Opens the archive at `path`, or on standard input (`-`). Every byte is verified before
 * it is released; a directory appears under its name whole or not at all.
 * @throws StrongroomError of any code that `docs/format.md`, "How to read", leads to.
 */
export async function open(path: string, options: OpenOptions): Promise<OpenReport> {
  const { output } = options;
  if (options.resume) assertResumable(path, options);
  if (output === '-') {
    if (path === '-') {
      const message =
        'a tar on standard output cannot be verified before it is released from a pipe';
      throw new StrongroomError('NEEDS_RANDOM_ACCESS', message, {
        hint: 'open into a directory with -o DIR, or save the archive to a file first',
      });
    }
    if (options.only !== undefined || options.tensors !== undefined) {
      throw new StrongroomError(
        'USAGE',
        'a tar on standard output holds all files: --only and --tensors do not go with it',
      );
    }
    if (process.stdout.isTTY) {
      throw new StrongroomError(
        'OUTPUT_IS_TERMINAL',
        'a tar is binary, and standard output is a terminal',
      );
    }
  }
  if (path === '-' && options.record !== undefined) {
    throw new StrongroomError('NEEDS_RANDOM_ACCESS', 'an archive from a pipe has no custody file');
  }
  try {
    return await (path === '-' ? openPipe(options) : openFile(path, options));
  } catch (error) {
    throw ofOutput(error, output);
  }
}

function assertResumable(path: string, { output, identity }: OpenOptions): void {
  const usage = (message: string) =>
    new StrongroomError('USAGE', message, { hint: 'leave out --resume' });
  if (path === '-') throw usage('what comes through a pipe cannot be gone on with');
  if (output === '-') throw usage('what is on standard output already cannot be gone on with');
  if (!('card' in identity)) throw usage('--resume needs an identity: its journal is signed');
}

function openFile(path: string, options: OpenOptions): Promise<OpenReport> {
  return using(openSource(locationOf(path), options.signal), async (source) => {
    const archive = await unlock(source, options);
    const { trailer, floe, manifest } = archive;
    const job = { kind: 'open', source: source.location, ...trailer, floe } as const;
    try {
      holdEpoch(archive, options, source.name);
      const { record } = options;
      const recorder = record && (await prepareOpened(source.name, archive, options, record));
      if (options.output === '-') {
        await assertTarFits(source, archive);
        await runParallel({ ...job, extents: undefined, wanted: undefined }, options);
        return report(archive, manifest.entries, options, await recorder?.tell(manifest.entries));
      }
      const { only, tensors } = options;
      const isWhole = only === undefined && tensors === undefined;
      const holding = tensors && (await filesHolding(source, archive, tensors));
      const entries = selectEntries(manifest.entries, only, holding);
      const stage = await stageFor(archive, entries, options);
      try {
        // What comes out must be what any tar reader would make of the payload.
        await (isWhole ? assertTarFits(source, archive) : assertSomeFit(source, archive, entries));
        const extents = stage.prepare(entries);
        // All are read unless some were asked for: every byte of a whole archive is verified.
        const { segmentBytes } = archive.core;
        const wanted = isWhole ? undefined : wantedSegments(extents, segmentBytes);
        const { payload } = trailer;
        const journal = stage.start(payload, wanted?.length ?? payload.segments);
        const files = { extents: shareExtents(extents), wanted, journal };
        const onRun = (report: OutputReport) => stage.onRun(report);
        await runParallel({ ...job, ...files }, options, undefined, undefined, onRun);
        finishTree(stage.path, entries);
        const told = await recorder?.tell(entries);
        stage.commit();
        return report(archive, entries, options, told);
      } catch (thrown) {
        const error = asStrongroomError(thrown);
        stage.discard(error);
        throw error;
      }
    } finally {
      archive.wipe();
    }
  });
}

/** A new stage, or the one that an earlier attempt at the same left. */
async function stageFor(
  { core, trailer }: Unlocked,
  entries: readonly Entry[],
  { output, resume, identity, onNotice = () => {} }: OpenOptions,
): Promise<Stage> {
  if (!resume || !('card' in identity)) return freshStage(output);
  const inputs = {
    source: inputsDigest([core.archiveId, trailer.seal.contentRoot]),
    options: inputsDigest([JSON.stringify(entries)]),
  };
  return resumedStage({ output, identity, inputs, onNotice });
}

/**
 * Opens an archive that passes by once. The trailer comes last, so everything is staged,
 * and only when the seal, the tree and the manifest hold does it get its name.
 */
async function openPipe(options: OpenOptions): Promise<OpenReport> {
  if (options.tensors !== undefined) {
    throw new StrongroomError('NEEDS_RANDOM_ACCESS', 'tensors cannot be looked for in a pipe');
  }
  const bytes = await readFrontBytes(options.signal);
  const front = await readFront(kept([{ at: 0, bytes }]), options.keyring, options.signal);
  const { core } = front;
  const { segmentBytes, suite } = core;
  const at = payloadOffset(core);
  const { keys, grantedBy } = await unlockFront(front, options, pipeName);
  let stage: Output | undefined;
  try {
    stage = createDirectory(options.output);
    holdEpoch(front, options, pipeName);
    const header = await readExactly(kept([{ at: 0, bytes }]), at, floeHeaderBytes);
    const floe = startDecryption(keys.payload, core.hash, header, segmentBytes);
    const leaves = new LeafCollector(suite.hash.bytes);
    const payload = { hash: suite.hash.name, at, segmentBytes };
    const job = {
      kind: 'open-pipe',
      payload,
      floe,
      directory: stage.path,
      only: options.only,
    } as const;
    const held = await runPipe(job, options, (batch) => leaves.add(batch)).finally(() =>
      wipe(floe.messageKey),
    );
    const trailerAt = at + ciphertextBytes(held.length, segmentBytes);
    const behind = await readTrailerBytes(core, held.segments, options.signal);
    const source = kept([
      { at: 0, bytes },
      { at: trailerAt, bytes: behind },
    ]);
    const rest = await unlockTrailer(source, front, keys, options.trust);
    const { author, trailer, manifest } = rest;
    wipe(rest.floe.messageKey);
    const { levels, root } = buildTree(suite.hash, leaves.hashes(held.segments));
    if (trailer.payload.length !== held.length || !equal(root, trailer.seal.contentRoot)) {
      const message = `${pipeName}: the payload is not the one that was sealed`;
      throw new StrongroomError('SEGMENT_INVALID', message, { file: pipeName });
    }
    // Not needed here, but what readers with random access would refuse is refused.
    const { tilesAt, tilesBytes } = trailer.footer;
    if (!equal(await readExactly(source, tilesAt, tilesBytes), concat(...levels))) {
      const message = `${pipeName}: the hash tree is altered`;
      throw new StrongroomError('TREE_INVALID', message, { file: pipeName });
    }
    assertSameEntries(held.entries, manifest.entries, pipeName);
    const entries = selectEntries(manifest.entries, options.only);
    finishTree(stage.path, entries);
    stage.commit();
    return report({ ...front, grantedBy, author, trailer, manifest }, entries, options);
  } finally {
    keys.wipe();
    stage?.discard();
  }
}

/** What was kept of a pipe, at the offsets that it had. */
const kept = (parts: readonly { readonly at: number; readonly bytes: Uint8Array }[]) => {
  const last = parts.at(-1);
  return keptSource(pipeName, (last?.at ?? 0) + (last?.bytes.length ?? 0), parts);
};

/** Core, slots and FLOE header, or what there is of them. */
async function readFrontBytes(signal: AbortSignal | undefined): Promise<Uint8Array> {
  const head = new Uint8Array(coreBytes);
  const core = decodeCore(head.subarray(0, await readInput(head, signal)), pipeName);
  const rest = new Uint8Array(2 * core.slotBytes + floeHeaderBytes);
  return concat(head, rest.subarray(0, await readInput(rest, signal)));
}

/** Everything behind the payload, as long as it can be at most. */
async function readTrailerBytes(
  { segmentBytes, suite }: Core,
  segments: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const most =
    ciphertextBytes(maxManifestBytes, segmentBytes) +
    tilesBytes(segments, suite.hash) +
    maxSealBytes +
    footerBytes;
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const part = new Uint8Array(2 ** 20);
    const filled = await readInput(part, signal);
    parts.push(part.subarray(0, filled));
    length += filled;
    if (filled < part.length) return concat(...parts);
    if (length <= most) continue;
    throw new StrongroomError('TRAILING_BYTES', `${pipeName}: goes on after its end`, {
      file: pipeName,
    });
  }
}

function report(
  { core, ring, trailer, author }: Omit<Unlocked, 'floe' | 'wipe'>,
  entries: readonly Entry[],
  { output }: OpenOptions,
  custody?: Recorded,
): OpenReport {
  const files = entries.filter((entry) => entry.type === 'file');
  const storage = output === '-' ? undefined : storageOf(output);
  return {
    output,
    ...(storage === undefined ? {} : { storage }),
    archive: hex(core.archiveId),
    contentRoot: hex(trailer.seal.contentRoot),
    author: { name: author.name, fingerprint: author.fingerprint },
    sealedAt: trailer.seal.predicate.time,
    epoch: ring.document.signed.epoch,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    ...(custody === undefined ? {} : { custody }),
  };
}

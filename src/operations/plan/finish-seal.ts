/** Finishing a plan to seal: tree, manifest, seal and trailer, the name, and a look at it. */

import { payloadOffset } from '../../archive/core.ts';
import { shareExtents } from '../../archive/jobs/sinks.ts';
import { type Unlocked, unlock } from '../../archive/reader.ts';
import { PlaintextReader, SegmentReader } from '../../archive/segments.ts';
import { assertTarFits } from '../../archive/tarfit.ts';
import { sealTrailer } from '../../archive/trailer.ts';
import { runParallel } from '../../archive/worker.ts';
import { concat, equal, hex } from '../../bytes.ts';
import { ciphertextBytes } from '../../crypto/floe.ts';
import { using } from '../../engine/files.ts';
import { locationOf, openSource } from '../../engine/locate.ts';
import { PiecesReader } from '../../engine/pieces.ts';
import type { S3Location } from '../../engine/remote/location.ts';
import {
  assertNameFree,
  completeUpload,
  headOf,
  listParts,
} from '../../engine/remote/multipart.ts';
import { deleteObject } from '../../engine/remote/objects.ts';
import type { OpenedSource } from '../../engine/source.ts';
import { asStrongroomError, exitStatus, isStrongroomError, StrongroomError } from '../../errors.ts';
import { trustCards } from '../../keys/policy.ts';
import { partsOfRange } from '../../scale/division.ts';
import type { BodyOf } from '../../scale/document.ts';
import { piecesFor, realPath } from '../../scale/stream.ts';
import { chooseWinners } from '../../scale/winners.ts';
import type { Beginning } from '../output/beginning.ts';
import { assertWritten, expectedOf, giveName, sendTail } from '../output/upload.ts';
import { chosenOf, eachChosen } from './chosen.ts';
import { assertComplete, type FinishedWork, type Finishing } from './finishing.ts';
import { readReceipts } from './place.ts';
import { readSealing, resume } from './secrets.ts';
import { uploadOf } from './show.ts';

export async function finishSeal(
  finishing: Finishing,
  body: BodyOf<'seal'>,
): Promise<FinishedWork> {
  const { plan, options, signal } = finishing;
  const { identity } = options;
  const upload = uploadOf(body);
  const at = locationOf(body.output) as S3Location;
  const held = await listParts(upload, signal);
  const { receipts, refused } = await readReceipts(plan, signal);
  const beginning = resume(plan, body, identity);
  try {
    if (held === undefined) {
      const found = await finishedBefore(finishing, body, beginning);
      return { state: 'already', winners: [], superseded: 0, refused, ...found };
    }
    const { hash } = plan.core.suite;
    const counted = chooseWinners(body, hash.bytes, held, receipts);
    assertComplete(plan, counted.missing, refused);
    const { winners, superseded } = counted;
    const content = await readSealing(plan, identity, body.plannerKey);
    const { claims, entries } = content;
    const { core, keys, header } = beginning;
    const {
      seal,
      footer,
      parts: trailer,
    } = sealTrailer({
      core,
      keys,
      signer: identity,
      claims,
      floeHeader: header,
      manifest: { entries, length: body.payload.length },
      payload: body.payload,
      leaves: counted.leaves,
      at: payloadOffset(core) + ciphertextBytes(body.payload.length, core.segmentBytes),
    });
    const parts = [...counted.parts];
    const bytes = trailer.map((part) => part.bytes);
    await sendTail(upload, parts, concat(...bytes), signal);
    if (!body.overwrite) await assertNameFree(at, signal);
    const written = { at, front: beginning.front, footer: bytes.at(-1) as Uint8Array, signal };
    await giveName(written, () => completeUpload(upload, parts, body.overwrite, signal));
    await orRemove(at, finishing, async () => {
      await assertWritten(written, expectedOf(parts));
    });
    const checked = await orRemove(at, finishing, () =>
      check(finishing, body, beginning, seal.contentRoot),
    );
    return {
      state: 'finished',
      contentRoot: hex(seal.contentRoot),
      winners,
      superseded,
      refused,
      checked,
      archiveBytes: footer.archiveBytes,
      files: entries.filter(({ type }) => type === 'file').length,
    };
  } finally {
    beginning.wipe();
  }
}

/**
 * An upload that is not there was completed, if the object is there; then it is looked at.
 * @throws StrongroomError UPLOAD_INVALID.
 */
async function finishedBefore(
  finishing: Finishing,
  body: BodyOf<'seal'>,
  beginning: Beginning,
): Promise<Pick<FinishedWork, 'contentRoot' | 'checked' | 'archiveBytes' | 'files'>> {
  const { plan, signal } = finishing;
  const at = locationOf(body.output) as S3Location;
  const head = await headOf(at, signal);
  const gone = (what: string, hint: string) =>
    new StrongroomError('UPLOAD_INVALID', `${body.output}: ${what}`, { file: body.output, hint });
  if (head === undefined) throw gone('the upload was given up', 'make a new plan');
  const found = await using(openSource(at, signal), async (source) => {
    const archive = await unlock(source, access(finishing, beginning));
    archive.wipe();
    return archive;
  });
  if (!equal(found.core.hash, plan.core.hash)) {
    throw gone('is another archive, and the upload of the plan is gone', 'make a new plan');
  }
  const { contentRoot } = found.trailer.seal;
  const checked = await check(finishing, body, beginning, contentRoot);
  const files = found.manifest.entries.filter(({ type }) => type === 'file').length;
  return { contentRoot: hex(contentRoot), checked, archiveBytes: head.size, files };
}

const access = ({ options }: Finishing, { fileKey }: Beginning) => ({
  identity: { fileKey },
  trust: trustCards([options.identity.card]),
});

/**
 * Reads the archive as its readers will, and decrypts as many of its segments as asked for.
 * @returns how many.
 */
async function check(
  finishing: Finishing,
  body: BodyOf<'seal'>,
  beginning: Beginning,
  contentRoot: Uint8Array,
): Promise<number> {
  const { options, check: how, signal } = finishing;
  return using(openSource(locationOf(body.output), signal), async (source) => {
    const archive = await unlock(source, access(finishing, beginning));
    try {
      const { trailer, floe } = archive;
      if (!equal(trailer.seal.contentRoot, contentRoot)) {
        throw new StrongroomError('SEAL_MISMATCH', `${source.name}: has another content root`, {
          file: source.name,
        });
      }
      if (how === 'none') return 0;
      if (how === 'full') await assertTarFits(source, archive);
      const spans = Array.from(
        { length: body.ranges },
        (_, range) => partsOfRange(body.parts, body.payload, body.ranges, range).segments,
      );
      const wanted = chosenOf(how, spans);
      if (options.source === undefined) {
        // Decrypted, and written nowhere
        const extents = shareExtents([]);
        const job = { kind: 'open', source: source.location, ...trailer, floe } as const;
        await runParallel({ ...job, extents, wanted }, options);
      } else {
        await compareWithSource(source, archive, finishing, body, wanted);
      }
      return wanted?.length ?? trailer.payload.segments;
    } finally {
      archive.wipe();
    }
  });
}

/** @throws StrongroomError SEGMENT_INVALID, SOURCE_CHANGED. */
async function compareWithSource(
  source: OpenedSource,
  { trailer, floe, core }: Unlocked,
  { plan, options, signal }: Finishing,
  body: BodyOf<'seal'>,
  chosen: Float64Array | undefined,
): Promise<void> {
  const { payload, tree } = trailer;
  const { segmentBytes } = core;
  const content = await readSealing(plan, options.identity, body.plannerKey);
  const all = { from: 0, to: payload.length };
  const elsewhere = typeof options.source === 'string' ? realPath(options.source) : undefined;
  const pieces = piecesFor(content, payload.length, all, plan.name, elsewhere);
  const wanted = new Uint8Array(segmentBytes);
  const segments = await SegmentReader.open(source, payload, tree);
  await using(new PlaintextReader(payload, segments, floe), (reader) =>
    using(new PiecesReader(pieces), (files) =>
      eachChosen(reader, segmentBytes, chosen, signal, (plaintext, at, segment) => {
        const part = wanted.subarray(0, plaintext.length);
        files.read(part, at);
        if (equal(part, plaintext)) return;
        throw new StrongroomError(
          'SEGMENT_INVALID',
          `${source.name}: segment ${segment} is not what the source has`,
          { file: source.name, segment },
        );
      }),
    ),
  ).finally(() => wanted.fill(0));
}

/** Takes the name of an object away that is not what it should be. */
async function orRemove<T>(
  at: S3Location,
  { plan, signal }: Finishing,
  look: () => Promise<T>,
): Promise<T> {
  try {
    return await look();
  } catch (thrown) {
    const error = asStrongroomError(thrown);
    if (error.exitStatus !== exitStatus.verification) throw error;
    const { code, message, segment, file } = error;
    const where = { ...(segment === undefined ? {} : { segment }), ...(file ? { file } : {}) };
    let fate = 'the object was removed';
    try {
      await deleteObject(at, signal);
    } catch (cause) {
      if (!isStrongroomError(cause)) throw cause;
      fate = `THE OBJECT IS STILL THERE: ${cause.message}`;
    }
    throw new StrongroomError(code, `${message}; ${fate}`, {
      ...where,
      hint: `find out which worker made it, then plan anew: ${plan.name} is of no use any more`,
      cause: error,
    });
  }
}

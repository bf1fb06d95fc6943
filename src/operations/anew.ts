/** The writing of a rekeyed archive: its own beginning, the old one's content, a seal of its own. */
import { type Core, payloadOffset } from '../archive/core.ts';
import { deriveArchiveKeys } from '../archive/filekey.ts';
import { LeafCollector } from '../archive/jobs/leaves.ts';
import { createKeyring, keyringBytes, trustKeyring } from '../archive/keyring.ts';
import type { QuorumStanza } from '../archive/quorum.ts';
import { type Access, readFront, type Unlocked, unlockTrailer } from '../archive/reader.ts';
import { slotBytesOf, usualSlotBytes } from '../archive/room.ts';
import { maxPredecessors, type Predecessor } from '../archive/seal.ts';
import { assertTarFits } from '../archive/tarfit.ts';
import { type SealedTrailer, sealTrailer } from '../archive/trailer.ts';
import { runParallel } from '../archive/worker.ts';
import { hex, wipe } from '../bytes.ts';
import { ciphertextBytes } from '../crypto/floe.ts';
import { createQuorum, custodiansOf } from '../custody/quorum/split.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import { ofOutput } from '../engine/output.ts';
import type { RunOptions } from '../engine/pool.ts';
import type { SourceLocation } from '../engine/source.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import type { Identity } from '../keys/identity.ts';
import { signingIds } from '../keys/signed.ts';
import type { Heirs } from './heirs.ts';
import { type Beginning, beginArchive } from './output/beginning.ts';
import type { Inputs } from './output/head.ts';
import { type OutputOptions, openOutput } from './output/open.ts';
import type { ArchiveOutput } from './output/output.ts';
import { inputsDigest } from './output/state.ts';

export interface AnewOptions extends RunOptions, OutputOptions, Heirs, Omit<Access, 'identity'> {
  /** Opens the old archive, unless somebody else does, and signs the new one as its author. */
  readonly identity: Identity;
  /** Path of the archive to be, or `s3://BUCKET/KEY`. */
  readonly output: string;
  /** Leave out of the key ring which stanza is whose. */
  readonly hideRecipients?: boolean | undefined;
  /** Recorded in the new key ring: at most 1024 characters. */
  readonly reason?: string | undefined;
}

/** An archive that is written and verified; whoever gets it wipes its beginning. */
interface Anew {
  readonly beginning: Beginning;
  readonly made: SealedTrailer;
}

/**
 * Writes what `old` holds anew, and has all of it verified.
 * @throws StrongroomError OUTPUT_EXISTS, DISK_FULL, UPLOAD_BUSY; and of both archives.
 */
export async function sealAnew(
  source: SourceLocation,
  old: Unlocked,
  options: AnewOptions,
): Promise<Anew> {
  const { output: path, identity } = options;
  const output = await openOutput('rekey', path, identity, inputsOf(old, options), options);
  let beginning: Beginning | undefined;
  try {
    beginning = output.begun?.beginning ?? (await begin(old.core, options));
    return { beginning, made: await writeArchive(source, old, beginning, output, options) };
  } catch (thrown) {
    const error = ofOutput(thrown, path);
    await output.discard(error);
    beginning?.wipe();
    throw error;
  }
}

/** A new archive for the same content: segments as long as the old one's, slots as asked. */
function begin({ suite, segmentBytes }: Core, options: AnewOptions): Promise<Beginning> {
  const { identity, recipients, quorums: plans = [], room, reason } = options;
  const shares = custodiansOf(plans).length;
  const usual = usualSlotBytes(keyringBytes(suite, recipients.length, shares));
  const asked = room === undefined ? usual : slotBytesOf(keyringBytes(suite, room, shares));
  const slotBytes = Math.max(usual, asked);
  const fields = { suite, segmentBytes, slotBytes, authors: signingIds(identity.card) };
  return beginArchive(fields, async ({ core, keys, fileKey }) => {
    const quorums: QuorumStanza[] = [];
    for (const plan of plans) quorums.push(await createQuorum(plan, fileKey, core, keys.commit));
    const hideRecipients = options.hideRecipients ?? false;
    const signer = identity;
    return createKeyring({
      core,
      keys,
      fileKey,
      recipients,
      quorums,
      hideRecipients,
      reason,
      signer,
    });
  });
}

/** All that makes the new archive what it is, but for what is random. */
function inputsOf({ core, trailer }: Unlocked, options: AnewOptions): Inputs {
  const { identity, recipients, quorums = [], hideRecipients = false, reason, room } = options;
  const ids = (cards: readonly Card[]) => cards.map(({ kem }) => kem.id);
  const said = {
    hideRecipients,
    quorums: quorums.map(({ groups }) =>
      groups.map(({ name, threshold, custodians }) => [name, threshold, ids(custodians)]),
    ),
    reason,
    recipients: ids(recipients),
    room,
    signer: signingIds(identity.card),
  };
  return {
    source: inputsDigest([core.archiveId, trailer.seal.contentRoot]),
    options: inputsDigest([JSON.stringify(said)]),
  };
}

async function writeArchive(
  source: SourceLocation,
  old: Unlocked,
  beginning: Beginning,
  output: ArchiveOutput,
  options: AnewOptions,
): Promise<SealedTrailer> {
  const { core, keys, floe, header } = beginning;
  const { payload, tree, seal } = old.trailer;
  const at = payloadOffset(core);
  const target = await output.start(beginning, payload.length);
  const leaves = new LeafCollector(core.suite.hash.bytes, payload.segments);
  leaves.addRuns(output.begun?.leaves ?? []);
  const next = { payload: { ...payload, at }, floe };
  await runParallel(
    { kind: 'rekey', source, payload, tree, floe: old.floe, next, output: target },
    pass(options, 0),
    (report) => leaves.add(report),
    undefined,
    (report) => output.onPart(report, (from, to) => leaves.range(from, to)),
  );
  const made = sealTrailer({
    core,
    keys,
    signer: options.identity,
    claims: seal.predicate.claims,
    rekeyed: lineage(old),
    floeHeader: header,
    manifest: old.manifest,
    payload: { length: payload.length, segments: payload.segments },
    leaves: leaves.hashes(payload.segments),
    at: at + ciphertextBytes(payload.length, core.segmentBytes),
  });
  for (const { bytes, offset } of made.parts) await output.write(bytes, offset);
  if (target.kind === 'file') await verifyArchive(target.path, beginning, options);
  await output.commit();
  // An object cannot be read before it has its name
  if (target.kind === 'parts') await verifyObject(beginning, options);
  return made;
}

async function verifyObject(beginning: Beginning, options: AnewOptions): Promise<void> {
  try {
    await verifyArchive(options.output, beginning, options);
  } catch (thrown) {
    const { code, message } = asStrongroomError(thrown);
    throw new StrongroomError(code, `it is written, but was not verified: ${message}`, {
      cause: thrown,
      hint: `verify it with "strongroom verify", or remove ${options.output}`,
    });
  }
}

/** The archives that the content comes from, the old one last. */
function lineage({ core, author, trailer }: Unlocked): Predecessor[] {
  const { predicate, contentRoot } = trailer.seal;
  const before = predicate.rekeyed ?? [];
  if (before.length >= maxPredecessors) {
    throw new StrongroomError('USAGE', `it was sealed anew ${before.length} times already`);
  }
  const { keys } = predicate.author;
  const old = {
    archive: hex(core.archiveId),
    // The name on the card that is trusted: the seal's own is the author's word
    author: { keys, name: author.name },
    contentRoot: hex(contentRoot),
    time: predicate.time,
  };
  return [...before, old];
}

/** Reads back all of the new archive, as its readers will. */
async function verifyArchive(
  path: string,
  { core, fileKey }: Beginning,
  options: AnewOptions,
): Promise<void> {
  await using(openSource(locationOf(path), options.signal), async (source) => {
    const front = await readFront(source);
    const grantedBy = trustKeyring(front.ring, core, options.trust, path);
    const keys = deriveArchiveKeys(fileKey, core);
    const rest = await unlockTrailer(source, front, keys, options.trust);
    const wipeAll = () => wipe(rest.floe.messageKey);
    try {
      await assertTarFits(source, { ...front, grantedBy, ...rest, wipe: wipeAll });
      const { payload, tree } = rest.trailer;
      await runParallel(
        { kind: 'verify', source: source.location, payload, tree },
        pass(options, 1),
      );
    } finally {
      wipeAll();
    }
  });
}

/** The options of one of the two passes over the payload, whose progress is half of all. */
function pass({ threads, signal, onProgress }: AnewOptions, which: 0 | 1): RunOptions {
  if (onProgress === undefined) return { threads, signal };
  return {
    threads,
    signal,
    onProgress({ done, total }) {
      if (total !== undefined) onProgress({ done: which * total + done, total: 2 * total });
    },
  };
}

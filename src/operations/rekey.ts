/**
 * Rekeying: the same content in a new archive under a new file key, so that who lost access to
 * the old one cannot open the new one with a key that was kept.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { type Core, createCore, payloadOffset, slotOffsets } from '../archive/core.ts';
import { type ArchiveKeys, deriveArchiveKeys, fileKeyBytes } from '../archive/filekey.ts';
import { LeafCollector } from '../archive/jobs/leaves.ts';
import { createKeyring, keyringBytes, maxRecipients, trustKeyring } from '../archive/keyring.ts';
import { type Access, readFront, type Unlocked, unlock, unlockTrailer } from '../archive/reader.ts';
import { slotBytesOf, usualSlotBytes } from '../archive/room.ts';
import { maxPredecessors, type Predecessor } from '../archive/seal.ts';
import { encodeSlot } from '../archive/slots.ts';
import { assertTarFits } from '../archive/tarfit.ts';
import { type SealedTrailer, sealTrailer } from '../archive/trailer.ts';
import { runParallel } from '../archive/worker.ts';
import { hex, wipe } from '../bytes.ts';
import { ciphertextBytes, startEncryption } from '../crypto/floe.ts';
import { type Freshness, holdEpoch } from '../custody/epochs/freshness.ts';
import { assertReason, assertRecipients } from '../custody/ring/next.ts';
import { using, writeFully } from '../engine/files.ts';
import { createFile } from '../engine/output.ts';
import type { RunOptions } from '../engine/pool.ts';
import { locationOf, openSource, type SourceLocation } from '../engine/source.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import type { Identity } from '../keys/identity.ts';
import { trustedCard } from '../keys/policy.ts';

export interface RekeyOptions extends RunOptions, Freshness, Omit<Access, 'identity'> {
  /** Opens the old archive, unless `holder` does, and signs the new one as its author. */
  readonly identity: Identity;
  /** Who has the key of the old archive, if it is not the identity, such as a quorum. */
  readonly holder?: Access['identity'] | undefined;
  /** Path of the archive to be. */
  readonly output: string;
  /** Who can open it: at least one, all of the archive's suite. */
  readonly recipients: readonly Card[];
  /** Leave out of the key ring which stanza is whose. */
  readonly hideRecipients?: boolean | undefined;
  /** Recorded in the new key ring: at most 1024 characters. */
  readonly reason?: string | undefined;
  /** Make the key-ring slots large enough for so many recipients. */
  readonly room?: number | undefined;
}

export interface RekeyReport {
  readonly output: string;
  /** Hex, 32 bytes: of the new archive. */
  readonly archive: string;
  readonly contentRoot: string;
  /** Of the old archive; the others that its own seal named before it. */
  readonly rekeyed: readonly Predecessor[];
  readonly payloadBytes: number;
  readonly archiveBytes: number;
  readonly recipients: number;
}

/**
 * Seals the content of the archive at `path` anew, byte for byte and with its author's claims,
 * under a new file key. The old archive stays as it is; the new one gets its name once all of
 * it was read back and verified. Whoever opens it must trust the identity as an author.
 * @throws StrongroomError GRANTER_UNTRUSTED, NO_RECIPIENTS, SUITE_MISMATCH, CARD_EXPIRED, USAGE,
 *   EPOCH_ROLLBACK, OUTPUT_EXISTS, DISK_FULL, INTERRUPTED; and of any code that docs/format.md,
 *   "How to read", leads to.
 */
export async function rekey(path: string, options: RekeyOptions): Promise<RekeyReport> {
  assertReason(options.reason);
  const file = createFile(options.output);
  const fileKey = new Uint8Array(randomBytes(fileKeyBytes));
  try {
    const { identity, holder = identity, trust, keyring, signal } = options;
    const [made, core] = await using(
      openSource(locationOf(path), options.signal),
      async (source) => {
        const old = await unlock(source, { identity: holder, trust, keyring, signal });
        try {
          holdEpoch(old, options, source.name);
          assertFit(old.core, options);
          await assertTarFits(source, old);
          const fresh = coreFor(old.core, options);
          return [
            await writeArchive(source.location, old, fresh, fileKey, file.path, options),
            fresh,
          ];
        } finally {
          old.wipe();
        }
      },
    );
    await verifyArchive(file.path, core, fileKey, options);
    file.commit();
    const { rekeyed = [], payload } = made.seal.predicate;
    return {
      output: options.output,
      archive: hex(core.archiveId),
      contentRoot: hex(made.seal.contentRoot),
      rekeyed,
      payloadBytes: payload.length,
      archiveBytes: made.footer.archiveBytes,
      recipients: options.recipients.length,
    };
  } catch (error) {
    throw asStrongroomError(error);
  } finally {
    wipe(fileKey);
    file.discard();
  }
}

function assertFit(core: Core, { identity, recipients, trust, room }: RekeyOptions): void {
  assertRecipients([identity.card, ...recipients], core, trust);
  if (trustedCard(trust, 'author', idsOf(identity)) === undefined) {
    throw new StrongroomError(
      'GRANTER_UNTRUSTED',
      `${identity.card.name} is not trusted as an author, and signs the new archive as one`,
      { hint: 'let an author do it whom readers trust' },
    );
  }
  if (recipients.length === 0) throw new StrongroomError('NO_RECIPIENTS', 'nobody could open it');
  if (Math.max(recipients.length, room ?? 0) > maxRecipients) {
    throw new StrongroomError('USAGE', `more than ${maxRecipients} recipients`);
  }
  if (room !== undefined && room < recipients.length) {
    const message = `room for ${room} recipients does not do for ${recipients.length}`;
    throw new StrongroomError('USAGE', message);
  }
  const twice = recipients.find(({ kem }, i) =>
    recipients.slice(0, i).some((other) => other.kem.id === kem.id),
  );
  if (twice !== undefined) {
    throw new StrongroomError('USAGE', `the card of ${twice.name} is named twice`);
  }
}

const idsOf = ({ card }: Identity): string[] => card.signing.map(({ id }) => id);

/** The core of the new archive: segments as long as the old one's, slots as asked. */
function coreFor({ suite, segmentBytes }: Core, options: RekeyOptions): Core {
  const { recipients, room } = options;
  const usual = usualSlotBytes(keyringBytes(suite, recipients.length));
  const asked = room === undefined ? usual : slotBytesOf(keyringBytes(suite, room));
  const slotBytes = Math.max(usual, asked);
  return createCore({ suite, segmentBytes, slotBytes, authors: idsOf(options.identity) });
}

async function writeArchive(
  source: SourceLocation,
  old: Unlocked,
  core: Core,
  fileKey: Uint8Array,
  output: string,
  options: RekeyOptions,
): Promise<SealedTrailer> {
  const { suite, segmentBytes } = core;
  const { payload, tree, seal } = old.trailer;
  const keys = deriveArchiveKeys(fileKey, core);
  const { header, state } = startEncryption(keys.payload, core.hash, segmentBytes);
  let fd: number | undefined;
  try {
    fd = openSync(output, 'r+');
    const at = payloadOffset(core);
    const ring = ringFor(core, keys, fileKey, options);
    writeFully(fd, core.bytes, 0);
    writeFully(fd, encodeSlot(ring.bytes, core.slotBytes), slotOffsets(core)[0]);
    writeFully(fd, new Uint8Array(core.slotBytes), slotOffsets(core)[1]);
    writeFully(fd, header, at);
    const leaves = new LeafCollector(suite.hash.bytes, payload.segments);
    const next = { payload: { ...payload, at }, floe: state };
    await runParallel(
      { kind: 'rekey', source, payload, tree, floe: old.floe, next, output },
      pass(options, 0),
      (report) => leaves.add(report),
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
      at: at + ciphertextBytes(payload.length, segmentBytes),
    });
    for (const { bytes, offset } of made.parts) writeFully(fd, bytes, offset);
    return made;
  } finally {
    if (fd !== undefined) closeSync(fd);
    keys.wipe();
    wipe(state.messageKey);
  }
}

const ringFor = (core: Core, keys: ArchiveKeys, fileKey: Uint8Array, options: RekeyOptions) =>
  createKeyring({
    core,
    keys,
    fileKey,
    recipients: options.recipients,
    hideRecipients: options.hideRecipients ?? false,
    reason: options.reason,
    signer: options.identity,
  });

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
  core: Core,
  fileKey: Uint8Array,
  options: RekeyOptions,
): Promise<void> {
  await using(openSource({ kind: 'file', path }), async (source) => {
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
function pass({ threads, signal, onProgress }: RekeyOptions, which: 0 | 1): RunOptions {
  if (onProgress === undefined) return { threads, signal };
  return {
    threads,
    signal,
    onProgress({ done, total }) {
      if (total !== undefined) onProgress({ done: which * total + done, total: 2 * total });
    },
  };
}

/**
 * Rekeying: the same content in a new archive under a new file key, so that who lost access to
 * the old one cannot open the new one with a key that was kept.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { type Core, createCore, payloadOffset, slotOffsets } from '../archive/core.ts';
import { type ArchiveKeys, deriveArchiveKeys, fileKeyBytes } from '../archive/filekey.ts';
import { LeafCollector } from '../archive/jobs/leaves.ts';
import { createKeyring, type Keyring, keyringBytes, trustKeyring } from '../archive/keyring.ts';
import type { QuorumStanza } from '../archive/quorum.ts';
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
import { createQuorum, custodiansOf } from '../custody/quorum/split.ts';
import { assertReason, assertRecipients } from '../custody/ring/next.ts';
import { using, writeFully } from '../engine/files.ts';
import { createFile } from '../engine/output.ts';
import type { RunOptions } from '../engine/pool.ts';
import { locationOf, openSource, type SourceLocation } from '../engine/source.ts';
import { asStrongroomError, StrongroomError } from '../errors.ts';
import type { Identity } from '../keys/identity.ts';
import { trustedCard } from '../keys/policy.ts';

import type { CustodyOptions, Recorded } from './custody/place.ts';
import { prepareRekeyed } from './custody/rekeyed.ts';
import { assertHeirs, type Heirs, type QuorumChange, quorumChange } from './heirs.ts';

export interface RekeyOptions
  extends RunOptions,
    Freshness,
    Heirs,
    Omit<Access, 'identity'>,
    CustodyOptions {
  /** Opens the old archive, unless `holder` does, and signs the new one as its author. */
  readonly identity: Identity;
  /** Who has the key of the old archive, if it is not the identity, such as a quorum. */
  readonly holder?: Access['identity'] | undefined;
  /** Path of the archive to be. */
  readonly output: string;
  /** Leave out of the key ring which stanza is whose. */
  readonly hideRecipients?: boolean | undefined;
  /** Recorded in the new key ring: at most 1024 characters. */
  readonly reason?: string | undefined;
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
  readonly quorums: number;
  readonly shares: number;
  /** How they differ from those of the old archive, if they do. */
  readonly quorumChange?: QuorumChange;
  /** Where it was told: in the file of the new archive, and in that of the old one. */
  readonly custody?: { readonly old?: Recorded; readonly new: Recorded };
}

/**
 * Seals the content of the archive at `path` anew, byte for byte and with its author's claims,
 * under a new file key. The old archive stays as it is; the new one gets its name once all of
 * it was read back and verified. Whoever opens it must trust the identity as an author.
 * @throws StrongroomError GRANTER_UNTRUSTED, NO_RECIPIENTS, QUORUM_NEEDED, QUORUM_INVALID,
 *   SUITE_MISMATCH, CARD_EXPIRED, USAGE, EPOCH_ROLLBACK, OUTPUT_EXISTS, DISK_FULL, INTERRUPTED; and of any code that docs/format.md,
 *   "How to read", leads to.
 */
export async function rekey(path: string, options: RekeyOptions): Promise<RekeyReport> {
  assertReason(options.reason);
  const file = createFile(options.output);
  const fileKey = new Uint8Array(randomBytes(fileKeyBytes));
  try {
    const { identity, holder = identity, trust, keyring, signal } = options;
    const recorder = await prepareRekeyed(path, options);
    const [made, core, change, sealed] = await using(
      openSource(locationOf(path), signal),
      async (source) => {
        const old = await unlock(source, { identity: holder, trust, keyring, signal });
        try {
          holdEpoch(old, options, source.name);
          assertSigner(old.core, options);
          assertHeirs(options, old.core, old.ring, trust);
          await assertTarFits(source, old);
          const fresh = coreFor(old.core, options);
          const keys = deriveArchiveKeys(fileKey, fresh);
          try {
            const ring = await ringFor(fresh, keys, fileKey, options);
            const written = await writeArchive(
              source.location,
              old,
              fresh,
              keys,
              ring,
              file.path,
              options,
            );
            return [written, fresh, changeOf(old.ring, ring), old.manifest.entries] as const;
          } finally {
            keys.wipe();
          }
        } finally {
          old.wipe();
        }
      },
    );
    await verifyArchive(file.path, core, fileKey, options);
    file.commit();
    const told = await recorder?.tell({ core, fileKey, seal: made.seal, entries: sealed });
    const { rekeyed = [], payload } = made.seal.predicate;
    return {
      output: options.output,
      archive: hex(core.archiveId),
      contentRoot: hex(made.seal.contentRoot),
      rekeyed,
      payloadBytes: payload.length,
      archiveBytes: made.footer.archiveBytes,
      recipients: options.recipients.length,
      quorums: options.quorums?.length ?? 0,
      shares: custodiansOf(options.quorums ?? []).length,
      ...(change === undefined ? {} : { quorumChange: change }),
      ...(told === undefined ? {} : { custody: told }),
    };
  } catch (error) {
    throw asStrongroomError(error);
  } finally {
    wipe(fileKey);
    file.discard();
  }
}

function assertSigner(core: Core, { identity, trust }: RekeyOptions): void {
  assertRecipients([identity.card], core, trust);
  if (trustedCard(trust, 'author', idsOf(identity)) === undefined) {
    throw new StrongroomError(
      'GRANTER_UNTRUSTED',
      `${identity.card.name} is not trusted as an author, and signs the new archive as one`,
      { hint: 'let an author do it whom readers trust' },
    );
  }
}

const changeOf = (before: Keyring, after: Keyring): QuorumChange | undefined =>
  quorumChange(before.document.signed.quorums ?? [], after.document.signed.quorums ?? []);

const idsOf = ({ card }: Identity): string[] => card.signing.map(({ id }) => id);

/** The core of the new archive: segments as long as the old one's, slots as asked. */
function coreFor({ suite, segmentBytes }: Core, options: RekeyOptions): Core {
  const { recipients, quorums = [], room } = options;
  const shares = custodiansOf(quorums).length;
  const usual = usualSlotBytes(keyringBytes(suite, recipients.length, shares));
  const asked = room === undefined ? usual : slotBytesOf(keyringBytes(suite, room, shares));
  const slotBytes = Math.max(usual, asked);
  return createCore({ suite, segmentBytes, slotBytes, authors: idsOf(options.identity) });
}

async function writeArchive(
  source: SourceLocation,
  old: Unlocked,
  core: Core,
  keys: ArchiveKeys,
  ring: Keyring,
  output: string,
  options: RekeyOptions,
): Promise<SealedTrailer> {
  const { suite, segmentBytes } = core;
  const { payload, tree, seal } = old.trailer;
  const { header, state } = startEncryption(keys.payload, core.hash, segmentBytes);
  let fd: number | undefined;
  try {
    fd = openSync(output, 'r+');
    const at = payloadOffset(core);
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
    wipe(state.messageKey);
  }
}

async function ringFor(
  core: Core,
  keys: ArchiveKeys,
  fileKey: Uint8Array,
  options: RekeyOptions,
): Promise<Keyring> {
  const quorums: QuorumStanza[] = [];
  for (const plan of options.quorums ?? []) {
    quorums.push(await createQuorum(plan, fileKey, core, keys.commit));
  }
  return createKeyring({
    core,
    keys,
    fileKey,
    recipients: options.recipients,
    quorums,
    hideRecipients: options.hideRecipients ?? false,
    reason: options.reason,
    signer: options.identity,
  });
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

/** Reading an archive, in the steps of docs/format.md, "How to read". */
import { base64, equal, wipe } from '../bytes.ts';
import {
  ciphertextBytes,
  type FloeState,
  floeHeaderBytes,
  startDecryption,
} from '../crypto/floe.ts';
import { orAborted } from '../engine/abort.ts';
import { using } from '../engine/files.ts';
import { locationOf, openSource } from '../engine/locate.ts';
import { isRemote, shownName } from '../engine/remote/location.ts';
import { readExactly, type Source } from '../engine/source.ts';
import { type TreeLocation, tilesBytes } from '../engine/tree.ts';
import { StrongroomError } from '../errors.ts';
import type { Card } from '../keys/card.ts';
import { assertMayProcess } from '../keys/enforce.ts';
import type { Trust } from '../keys/policy.ts';
import { readAtMost, withFile } from '../keys/read.ts';
import { type Core, coreBytes, decodeCore, payloadOffset, slotOffsets } from './core.ts';
import { assertNothingFollows } from './ending.ts';
import type { ArchiveKeys } from './filekey.ts';
import { decodeFooter, type Footer, hasFooter, tailBytes } from './footer.ts';
import {
  chooseKeyring,
  decodeKeyring,
  type KeyHolder,
  type Keyring,
  maxKeyringBytes,
  trustKeyring,
  unlockKeyring,
} from './keyring.ts';
import { type Manifest, maxManifestBytes, openManifest } from './manifest.ts';
import { decodeSeal, manifestFits, maxSealBytes, type Seal, trustSeal } from './seal.ts';
import type { Payload } from './segments.ts';

/** Steps 1 and 2. */
export interface Front {
  readonly core: Core;
  readonly ring: Keyring;
}

/**
 * Core and key ring.
 * @param keyring path or address of a detached key ring that replaces the archive's own, read once; if
 *   that is a pipe, an abort of `signal` ends the wait for it.
 */
export async function readFront(
  source: Source,
  keyring?: string,
  signal?: AbortSignal,
): Promise<Front> {
  const head = new Uint8Array(coreBytes);
  const core = decodeCore(head.subarray(0, await source.readAt(head, 0)), source.name);
  if (keyring !== undefined) {
    const bytes = await readKeyringFile(keyring, signal);
    return { core, ring: decodeKeyring(bytes, core, shownName(keyring)) };
  }
  const { ring } = await readSlots(source, core);
  return { core, ring };
}

/**
 * The bytes of a detached key ring.
 * @throws StrongroomError KEYRING_INVALID for more than one can have, whatever the path leads
 *   to; INTERRUPTED; the system's.
 */
export async function readKeyringFile(path: string, signal?: AbortSignal): Promise<Uint8Array> {
  const reading = isRemote(path)
    ? readRemote(path, maxKeyringBytes + 1, signal)
    : withFile(path, (fd) => readAtMost(fd, maxKeyringBytes + 1));
  const bytes = await orAborted(reading, signal);
  if (bytes.length <= maxKeyringBytes) return bytes;
  const name = shownName(path);
  throw new StrongroomError('KEYRING_INVALID', `${name}: too long for a key ring`, { file: name });
}

const readRemote = (path: string, most: number, signal?: AbortSignal): Promise<Uint8Array> =>
  using(openSource(locationOf(path), signal), (source) =>
    readExactly(source, 0, Math.min(source.size, most)),
  );

export interface Slots {
  /** As they stand in the archive. */
  readonly slots: readonly [Uint8Array, Uint8Array];
  readonly ring: Keyring;
  /** The slot that counts. */
  readonly slot: 0 | 1;
}

/** Both slots of an archive. A writer may be at work: what does not fit is read once more. */
export async function readSlots(source: Source, core: Core): Promise<Slots> {
  const [a, b] = slotOffsets(core);
  let before: { readonly both: Uint8Array; readonly error: unknown } | undefined;
  for (;;) {
    const both = await readExactly(source, a, 2 * core.slotBytes);
    // Every state between two writes is sound, so what stays as it is is no writer's doing.
    if (before !== undefined && equal(before.both, both)) throw before.error;
    const slots = [both.subarray(0, b - a), both.subarray(b - a)] as const;
    try {
      const { slot, ...ring } = chooseKeyring(slots, core, source.name);
      return { slots, ring, slot };
    } catch (error) {
      before = { both, error };
    }
  }
}

/** Footer and seal, parsed and held against the core; not trusted yet. */
export interface Trailer {
  readonly footer: Footer;
  readonly seal: Seal;
  readonly payload: Payload;
  readonly tree: TreeLocation;
}

/** The first half of step 7. */
export async function readTrailer(source: Source, core: Core): Promise<Trailer> {
  const { name, size } = source;
  const length = Math.min(size, tailBytes);
  const tail = await readExactly(source, size - length, length);
  if (!hasFooter(tail)) await assertNothingFollows(source, core);
  const footer = decodeFooter(tail, core, size, name);
  if (footer.sealBytes > maxSealBytes) {
    throw new StrongroomError('FOOTER_INVALID', `${name}: states a seal that is too long`, {
      file: name,
    });
  }
  const seal = decodeSeal(await readExactly(source, footer.sealAt, footer.sealBytes), core, name);
  const { payload: stated, manifest } = seal.predicate;
  const at = payloadOffset(core);
  const { segmentBytes, suite } = core;
  const payload: Payload = { hash: suite.hash.name, at, segmentBytes, ...stated };
  const tiles = tilesBytes(stated.segments, suite.hash);
  if (
    footer.manifestAt !== at + ciphertextBytes(stated.length, segmentBytes) ||
    footer.manifestBytes !== manifest.length ||
    footer.tilesBytes !== tiles
  ) {
    throw new StrongroomError(
      'SEAL_MISMATCH',
      `${name}: the regions are not as long as the seal says`,
      {
        file: name,
      },
    );
  }
  const tree = { at: footer.tilesAt, leaves: stated.segments, root: seal.contentRoot };
  return { footer, seal, payload, tree };
}

/** Key ring and seal commit to one file key. */
export function assertOneKey({ ring }: Front, { seal }: Trailer, name: string): void {
  if (ring.document.signed.commit === seal.predicate.commit) return;
  throw new StrongroomError(
    'SEAL_MISMATCH',
    `${name}: key ring and seal commit to different keys`,
    {
      file: name,
    },
  );
}

/** The first half of step 8: the payload begins as the seal says. */
export async function readFloeHeader(source: Source, trailer: Trailer): Promise<Uint8Array> {
  const header = await readExactly(source, trailer.payload.at, floeHeaderBytes);
  if (base64(header) !== trailer.seal.predicate.floe) {
    throw new StrongroomError(
      'PAYLOAD_INVALID',
      `${source.name}: the payload begins otherwise than sealed`,
      {
        file: source.name,
        offset: trailer.payload.at,
      },
    );
  }
  return header;
}

/** The encrypted manifest, held against the seal: the first part of step 9. */
export async function readManifestBytes(
  source: Source,
  core: Core,
  trailer: Trailer,
): Promise<Uint8Array> {
  const { manifestAt, manifestBytes } = trailer.footer;
  const most = ciphertextBytes(maxManifestBytes, core.segmentBytes);
  const invalid = (what: string) =>
    new StrongroomError('MANIFEST_INVALID', `${source.name}: ${what}`, { file: source.name });
  if (manifestBytes > most) throw invalid('the manifest is too long');
  const bytes = await readExactly(source, manifestAt, manifestBytes);
  if (!manifestFits(trailer.seal, core, bytes))
    throw invalid('the manifest is not the one that was sealed');
  return bytes;
}

/** Whose key, and whose word. */
export interface Access {
  readonly identity: KeyHolder;
  readonly trust: Trust;
  /** Path of a detached key ring. */
  readonly keyring?: string | undefined;
  /** Ends the wait for a key ring that is a pipe, and the search among many hidden stanzas. */
  readonly signal?: AbortSignal | undefined;
}

/** An archive after steps 1 to 9: nothing of it is doubtful but the segments. */
export interface Unlocked {
  readonly core: Core;
  readonly ring: Keyring;
  readonly trailer: Trailer;
  readonly author: Card;
  readonly grantedBy: Card;
  readonly manifest: Manifest;
  readonly floe: FloeState;
  /** Wipes what is secret. */
  wipe(): void;
}

/** Steps 3 to 6: the archive's keys, from a ring that someone trusted has signed. */
export async function unlockFront(
  { core, ring }: Front,
  access: Access,
  name: string,
): Promise<{ readonly keys: ArchiveKeys; readonly grantedBy: Card }> {
  const { identity, trust, signal } = access;
  const { fileKey, keys } = await unlockKeyring(ring, core, identity, name, signal);
  wipe(fileKey);
  try {
    if ('card' in identity) assertMayProcess(trust, identity.card);
    return { keys, grantedBy: trustKeyring(ring, core, trust, name) };
  } catch (error) {
    keys.wipe();
    throw error;
  }
}

/** Steps 7 to 9, given the keys; wipes them. */
export async function unlockTrailer(
  source: Source,
  front: Front,
  keys: ArchiveKeys,
  trust: Trust,
): Promise<Pick<Unlocked, 'trailer' | 'author' | 'manifest' | 'floe'>> {
  const { core } = front;
  const { name } = source;
  let floe: FloeState | undefined;
  try {
    const trailer = await readTrailer(source, core);
    const author = trustSeal(trailer.seal, core, trust, name);
    assertOneKey(front, trailer, name);
    const header = await readFloeHeader(source, trailer);
    floe = startDecryption(keys.payload, core.hash, header, core.segmentBytes);
    const bytes = await readManifestBytes(source, core, trailer);
    const manifest = openManifest(bytes, core, keys, trailer.payload.length, name);
    return { trailer, author, manifest, floe };
  } catch (error) {
    if (floe !== undefined) wipe(floe.messageKey);
    throw error;
  } finally {
    keys.wipe();
  }
}

/** Steps 1 to 9 on an archive with random access. */
export async function unlock(source: Source, access: Access): Promise<Unlocked> {
  const front = await readFront(source, access.keyring, access.signal);
  return unlockFrom(source, front, access);
}

/** Steps 3 to 9, after the others. */
export async function unlockFrom(source: Source, front: Front, access: Access): Promise<Unlocked> {
  const { keys, grantedBy } = await unlockFront(front, access, source.name);
  const rest = await unlockTrailer(source, front, keys, access.trust);
  return { ...front, grantedBy, ...rest, wipe: () => wipe(rest.floe.messageKey) };
}

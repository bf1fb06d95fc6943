/**
 * Archives that no honest writer makes: put together from parts, with seals and key rings that
 * are valid as signatures, whatever they sign.
 */
import { randomBytes } from 'node:crypto';
import { type Core, createCore } from '#strongroom/archive/core.js';
import type { Entry } from '#strongroom/archive/entry.js';
import { type ArchiveKeys, deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { encodeFooter, layFooter } from '#strongroom/archive/footer.js';
import { createKeyring, unlockKeyring } from '#strongroom/archive/keyring.js';
import { createSeal } from '#strongroom/archive/seal.js';
import { LeafBuffer } from '#strongroom/archive/segments.js';
import { encodeSlot } from '#strongroom/archive/slots.js';
import { encryptAll, floeHeaderBytes, segmentOverhead } from '#strongroom/crypto/floe.js';
import { buildTree } from '#strongroom/engine/tree.js';
import type { Identity } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { signBytes } from '#strongroom/keys/signed.js';
import { frontOf, type People, regionsOf, segmentBytes } from './archive.ts';

export interface Parts {
  readonly core: Core;
  readonly slotA: Uint8Array;
  readonly slotB: Uint8Array;
  /** FLOE header and segments. */
  readonly payload: Uint8Array;
  readonly manifest: Uint8Array;
  readonly tiles: Uint8Array;
  readonly seal: Uint8Array;
}

export function partsOf(archive: Uint8Array): Parts {
  const { core, at } = regionsOf(archive);
  const part = (from: number, to: number) => archive.slice(from, to);
  return {
    core,
    slotA: part(...at.slotA),
    slotB: part(...at.slotB),
    payload: part(at.header[0], at.segments[1]),
    manifest: part(...at.manifest),
    tiles: part(...at.tiles),
    seal: part(...at.seal),
  };
}

/** The parts with a footer that fits them. */
export function assemble(parts: Parts): Buffer {
  const { core, slotA, slotB, payload, manifest, tiles, seal } = parts;
  const front = [core.bytes, slotA, slotB, payload];
  const end = front.reduce((sum, { length }) => sum + length, 0);
  const lengths = { manifest: manifest.length, tiles: tiles.length, seal: seal.length };
  const footer = encodeFooter(layFooter(end, lengths), core);
  return Buffer.concat([...front, manifest, tiles, seal, footer]);
}

export const slotOf = (core: Core, document: unknown): Uint8Array =>
  encodeSlot(encodeJson(document), core.slotBytes);

/** The ciphertext segments of a payload. */
export function segmentsOf(core: Core, payload: Uint8Array): Uint8Array[] {
  const full = core.segmentBytes + segmentOverhead;
  const segments: Uint8Array[] = [];
  for (let at = floeHeaderBytes; at < payload.length; at += full) {
    segments.push(payload.subarray(at, at + full));
  }
  return segments;
}

/** Tiles and root as they would be for this payload. */
export function treeOf(core: Core, payload: Uint8Array) {
  const leaves = segmentsOf(core, payload).map((segment, i) => {
    const leaf = new LeafBuffer(core.segmentBytes, core.suite.hash);
    leaf.segment.set(segment);
    return leaf.digest(i, segment.length);
  });
  const { levels, root } = buildTree(core.suite.hash, Buffer.concat(leaves));
  return { tiles: Buffer.concat(levels), root };
}

/** What any recipient can get at. */
export async function keysOf(archive: Uint8Array, recipient: Identity) {
  const { core, ring } = await frontOf(archive);
  return { core, ring, ...(await unlockKeyring(ring, core, recipient, 'archive')) };
}

const sealType = 'application/vnd.in-toto+json';

/** A DSSE envelope over any statement, signed as it should be. */
export function signStatement(statement: unknown, signer: Identity): Uint8Array {
  const payload = statement instanceof Uint8Array ? statement : encodeJson(statement);
  return encodeJson({
    payload: Buffer.from(payload).toString('base64'),
    payloadType: sealType,
    signatures: signBytes(sealType, payload, signer),
  });
}

interface Forged {
  readonly who: People;
  /** The plaintext of the payload. */
  readonly tar: Uint8Array;
  readonly entries?: readonly (Entry | object)[];
  /** The plaintext of the manifest, instead of what `entries` make. */
  readonly manifest?: string | Uint8Array | Record<string, unknown>;
  /** What the seal states instead of the truth. */
  readonly stated?: { readonly length: number; readonly segments: number };
}

/** An archive whose author signs whatever `tar` and `manifest` are. */
export function forge({ who, tar, entries = [], manifest = {}, stated }: Forged): Buffer {
  const { author, reader, insider } = who;
  const core = createCore({
    suite: author.card.suite,
    segmentBytes,
    slotBytes: 32768,
    authors: author.card.signing.map(({ id }) => id),
  });
  const fileKey = randomBytes(32);
  const keys: ArchiveKeys = deriveArchiveKeys(fileKey, core);
  const recipients = [reader.card, insider.card];
  const ring = createKeyring({
    core,
    keys,
    fileKey,
    recipients,
    hideRecipients: false,
    signer: author,
  });
  const payload = encryptAll(keys.payload, core.hash, segmentBytes, tar);
  const usual = { entries, length: tar.length, type: 'strongroom/manifest', version: 1 };
  const plaintext =
    typeof manifest === 'string' || manifest instanceof Uint8Array
      ? Buffer.from(manifest)
      : encodeJson({ ...usual, ...manifest });
  const encrypted = encryptAll(keys.manifest, core.hash, segmentBytes, plaintext);
  const { tiles, root } = treeOf(core, payload);
  const seal = createSeal({
    core,
    signer: author,
    claims: undefined,
    commit: keys.commit,
    floeHeader: payload.subarray(0, floeHeaderBytes),
    manifest: encrypted,
    payload: stated ?? { length: tar.length, segments: segmentsOf(core, payload).length },
    contentRoot: root,
  });
  return assemble({
    core,
    slotA: encodeSlot(ring.bytes, core.slotBytes),
    slotB: new Uint8Array(core.slotBytes),
    payload,
    manifest: encrypted,
    tiles,
    seal: seal.bytes,
  });
}

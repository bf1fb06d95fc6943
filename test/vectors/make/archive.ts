/**
 * An archive put together from parts, any of which can be other than an honest writer would make
 * it: what follows a part is made to fit it, hashed and signed as it should be.
 */
import { type Core, createCore } from '#strongroom/archive/core.js';
import type { Entry } from '#strongroom/archive/entry.js';
import { type ArchiveKeys, deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { encodeFooter, layFooter } from '#strongroom/archive/footer.js';
import { stanzaFor } from '#strongroom/archive/keyring.js';
import { createSeal, type NewSeal } from '#strongroom/archive/seal.js';
import { LeafBuffer } from '#strongroom/archive/segments.js';
import { encodeSlot } from '#strongroom/archive/slots.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { encryptAll, floeHeaderBytes, segmentOverhead } from '#strongroom/crypto/floe.js';
import { hmacSha384 } from '#strongroom/crypto/kdf.js';
import { buildTree } from '#strongroom/engine/tree.js';
import type { Card, Identity } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { signStatement } from '#strongroom/keys/envelope.js';
import { signDocument } from '#strongroom/keys/signed.js';
import { now } from './deterministic.ts';

export const segmentBytes = 4096;

// biome-ignore lint/suspicious/noExplicitAny: documents that are altered into what no type allows
export type Document = any;

export interface Ring {
  readonly recipients: readonly Card[];
  readonly hide?: boolean;
  readonly epoch?: number;
  readonly signer?: Identity;
  /** Alters the body before its MAC and signature. */
  readonly body?: (body: Document, tools: Tools) => Document;
  /** Alters `signed` behind its MAC, before the signature. */
  readonly signed?: (signed: Document) => Document;
  /** Alters the whole document, signatures and all; a string is taken as it is. */
  readonly document?: (document: Document) => Document;
}

/** What only who has the file key has. */
export interface Tools {
  readonly core: Core;
  readonly keys: ArchiveKeys;
  readonly fileKey: Uint8Array;
}

export interface Design {
  readonly author: Identity;
  readonly tar: Uint8Array;
  readonly slotBytes: number;
  /** Slots A and B: a ring, bytes, or empty. */
  readonly slots: readonly [Slot, Slot];
  readonly seal?: Partial<Pick<NewSeal, 'claims' | 'rekeyed'>>;
  /** Alters the manifest's document; a string is taken as it is. */
  readonly manifest?: (manifest: Document) => Document;
  /** Alters ciphertext before it is hashed and sealed. */
  readonly ciphertext?: (payload: Uint8Array, tools: Tools) => Uint8Array;
  readonly encrypted?: (manifest: Uint8Array) => Uint8Array;
  /** Alters the seal's statement before it is signed. */
  readonly statement?: (statement: Document) => Document;
  readonly sealer?: Identity;
  /** Alters the envelope; a string is taken as it is. */
  readonly envelope?: (envelope: Document) => Document;
  /** The entries of a tar that the library would not read. */
  readonly entries?: readonly Entry[];
}

export type Slot = Ring | Uint8Array | undefined;

/** An archive, and its ring as a detached one would be. */
export interface Built {
  readonly bytes: Uint8Array;
  readonly ring: Uint8Array;
}

const text = (value: Document): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value) : encodeJson(value);
const same = (value: Document): Document => value;
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

export function build(design: Design): Built {
  const { author, tar, slotBytes } = design;
  const { suite } = author.card;
  const authors = author.card.signing.map(({ id }) => id);
  const core = createCore({ suite, segmentBytes, slotBytes, authors });
  const fileKey = crypto.getRandomValues(new Uint8Array(32));
  const tools: Tools = { core, fileKey, keys: deriveArchiveKeys(fileKey, core) };

  const slots = design.slots.map((slot) => {
    if (slot instanceof Uint8Array || slot === undefined) return slot;
    return encodeSlot(ringOf(slot, tools, author), slotBytes);
  });
  const whole = encryptAll(tools.keys.payload, core.hash, segmentBytes, tar);
  const payload = (design.ciphertext ?? same)(whole, tools);
  const manifest = (design.encrypted ?? same)(manifestOf(design, tools));
  const { levels, root } = treeOf(core, payload);
  const tiles = Buffer.concat(levels);
  const honest = createSeal({
    core,
    signer: author,
    claims: design.seal?.claims,
    rekeyed: design.seal?.rekeyed,
    commit: tools.keys.commit,
    floeHeader: payload.subarray(0, floeHeaderBytes),
    manifest,
    payload: { length: tar.length, segments: Math.max(1, Math.ceil(tar.length / segmentBytes)) },
    contentRoot: root,
  });
  const seal = sealOf(design, honest.envelope.payload, honest.bytes);

  const front = [core.bytes, ...slots.map((slot) => slot ?? new Uint8Array(slotBytes)), payload];
  const end = front.reduce((sum, { length }) => sum + length, 0);
  const lengths = { manifest: manifest.length, tiles: tiles.length, seal: seal.length };
  const footer = encodeFooter(layFooter(end, lengths), core);
  const [first] = design.slots;
  const ring = first === undefined || first instanceof Uint8Array ? undefined : slots[0];
  return {
    bytes: Buffer.concat([...front, manifest, tiles, seal, footer]),
    ring: ring === undefined ? new Uint8Array() : documentIn(ring),
  };
}

const documentIn = (slot: Uint8Array) =>
  slot.slice(64, 64 + Number(new DataView(slot.buffer, slot.byteOffset).getBigUint64(8)));

function ringOf(ring: Ring, tools: Tools, author: Identity): Uint8Array {
  const { core, keys, fileKey } = tools;
  const { epoch = 1, hide = false } = ring;
  const honest = {
    archive: Buffer.from(core.archiveId).toString('hex'),
    commit: base64(keys.commit),
    core: base64(core.hash),
    created: now,
    epoch,
    ...(epoch === 1 ? {} : { previous: base64(new Uint8Array(48).fill(epoch)) }),
    recipients: ring.recipients.map((card) => stanzaFor(card, fileKey, core, keys, hide)),
    type: 'strongroom/keyring',
    version: 1,
  };
  const body = (ring.body ?? same)(honest, tools);
  const mac = base64(hmacSha384(keys.keyring, encodeJson(body)));
  const signed = (ring.signed ?? same)({ ...body, mac });
  const type = 'application/vnd.strongroom.keyring.v1+json';
  return text((ring.document ?? same)(signDocument(type, signed, ring.signer ?? author)));
}

function manifestOf({ tar, entries, manifest = same }: Design, { core, keys }: Tools): Uint8Array {
  const listed = entries ?? readTarEntries((at, n) => tar.subarray(at, at + n), tar.length);
  const honest = { entries: listed, length: tar.length, type: 'strongroom/manifest', version: 1 };
  return encryptAll(keys.manifest, core.hash, segmentBytes, text(manifest(honest)));
}

function sealOf(design: Design, payload: string, honest: Uint8Array): Uint8Array {
  const { statement, envelope = same, sealer, author } = design;
  const signed =
    statement === undefined && sealer === undefined
      ? honest
      : signStatement(
          (statement ?? same)(JSON.parse(Buffer.from(payload, 'base64').toString())),
          sealer ?? author,
        );
  return text(envelope(JSON.parse(Buffer.from(signed).toString())));
}

function treeOf({ suite }: Core, payload: Uint8Array) {
  const full = segmentBytes + segmentOverhead;
  const leaves: Uint8Array[] = [];
  for (let at = floeHeaderBytes; at < payload.length; at += full) {
    const segment = payload.subarray(at, at + full);
    const leaf = new LeafBuffer(segmentBytes, suite.hash);
    leaf.segment.set(segment);
    leaves.push(leaf.digest(leaves.length, segment.length));
  }
  return buildTree(suite.hash, Buffer.concat(leaves));
}

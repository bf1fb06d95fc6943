/** Parsers of an archive's regions, the tar inside, and the first nine steps of reading. */
import { createHash } from 'node:crypto';
import { decodeCore, payloadOffset } from '#strongroom/archive/core.js';
import { deriveArchiveKeys } from '#strongroom/archive/filekey.js';
import { decodeFooter, encodeFooter } from '#strongroom/archive/footer.js';
import { decodeKeyring, unlockKeyring } from '#strongroom/archive/keyring.js';
import { openManifest } from '#strongroom/archive/manifest.js';
import { readFront, unlock } from '#strongroom/archive/reader.js';
import { decodeSeal } from '#strongroom/archive/seal.js';
import { decodeSlot, encodeSlot } from '#strongroom/archive/slots.js';
import { decodePax } from '#strongroom/archive/tar/pax.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { decryptAll, encryptAll } from '#strongroom/crypto/floe.js';
import { keptSource } from '#strongroom/engine/source.js';
import { decodeCard, decodeIdentity, trustCards } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { soundTars } from '../../tables/tars.ts';
import { archiveOf, ownFile, ownVectors } from '../../vectors/own.ts';
import { hold, mended, mutateDocument, mutateEnvelope, type Target } from '../target.ts';

const inMemory = (bytes: Uint8Array) => keptSource('archive', bytes.length, [{ at: 0, bytes }]);

const tail = (bytes: Uint8Array) => bytes.subarray(-64);

/** Checksums of everything that looks like a header. */
function mendTar(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString('latin1', 257, 262) !== 'ustar') continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
}

function mendSlot(bytes: Buffer): void {
  if (bytes.length < 64) return;
  const length = Number(bytes.readBigUInt64BE(8));
  const document = bytes.subarray(64, 64 + Math.min(length, bytes.length));
  bytes.set(createHash('sha384').update(document).digest(), 16);
}

const valid = ownVectors.filter((vector) => vector.opened && vector.keyring === undefined);

export async function archiveTargets(): Promise<readonly Target[]> {
  const usual = ownVectors.find(({ name }) => name === 'hybrid/three-segments');
  if (usual === undefined) throw new Error('no vector three-segments');
  const archives = valid.map(archiveOf);
  const bytes = archiveOf(usual);
  const identity = await decodeIdentity(ownFile(usual.identity));
  const { core, ring } = await readFront(inMemory(bytes));
  const { fileKey, keys } = await unlockKeyring(ring, core, identity, 'archive');
  const footer = decodeFooter(tail(bytes), core, bytes.length, 'archive');
  const manifest = bytes.subarray(footer.manifestAt, footer.tilesAt);
  const plainManifest = decryptAll(keys.manifest, core.hash, core.segmentBytes, manifest);
  const length = JSON.parse(Buffer.from(plainManifest).toString()).length;
  const seal = bytes.subarray(footer.sealAt, footer.sealAt + footer.sealBytes);
  const slot = bytes.subarray(4096, 4096 + core.slotBytes);
  const trust = trustCards(usual.authors.map((path) => decodeCard(ownFile(path))));
  const contents = JSON.stringify(
    (await unlock(inMemory(bytes), { identity, trust })).manifest.entries,
  );
  const payload = bytes.subarray(payloadOffset(core), footer.manifestAt);
  const tar = decryptAll(keys.payload, core.hash, core.segmentBytes, payload);
  const sound = soundTars.map(([, each]) => each);
  return [
    {
      name: 'core',
      seeds: archives.map((archive) => archive.subarray(0, 4096)),
      parse: (input) => {
        const found = decodeCore(input, 'core');
        hold(found.bytes.length === 4096, 'a core of another length');
        return input.length === 4096 ? found.bytes : undefined;
      },
    },
    {
      name: 'slot',
      seeds: [slot, new Uint8Array(4096)],
      mutate: mended(mendSlot),
      parse: (input) => {
        // The core says how long a slot is, and never less than this
        const bytes = Buffer.alloc(Math.max(4096, input.length));
        bytes.set(input);
        const document = decodeSlot(bytes, 'A', 'slot');
        if (document === undefined) return undefined;
        hold(Buffer.compare(encodeSlot(document, bytes.length), bytes) === 0, 'another slot');
        return undefined;
      },
    },
    {
      name: 'key ring',
      seeds: [ring.bytes],
      mutate: mutateDocument,
      parse: (input) => encodeJson(decodeKeyring(input, core, 'ring').document),
    },
    {
      name: 'manifest',
      seeds: [plainManifest],
      mutate: mutateDocument,
      parse: (input) => {
        const sealed = encryptAll(keys.manifest, core.hash, core.segmentBytes, input);
        const again = deriveArchiveKeys(fileKey, core);
        const found = openManifest(sealed, core, again, length, 'archive');
        return encodeJson({ ...found, type: 'strongroom/manifest', version: 1 });
      },
    },
    {
      name: 'footer',
      seeds: [tail(bytes)],
      parse: (input) => {
        const again = encodeFooter(decodeFooter(input, core, bytes.length, 'archive'), core);
        hold(Buffer.compare(again, tail(input)) === 0, 'a footer that is not at the end');
        return undefined;
      },
    },
    {
      name: 'seal',
      seeds: [seal],
      mutate: mutateEnvelope,
      parse: (input) => encodeJson(decodeSeal(input, core, 'seal').envelope),
    },
    {
      name: 'archive',
      seeds: [bytes],
      parse: async (input) => {
        const opened = await unlock(inMemory(input), { identity, trust });
        opened.wipe();
        hold(JSON.stringify(opened.manifest.entries) === contents, 'other entries came out');
        return undefined;
      },
    },
    {
      name: 'tar',
      seeds: [tar, ...sound],
      mutate: mended(mendTar),
      parse: (input) => {
        const entries = readTarEntries((at, count) => input.subarray(at, at + count), input.length);
        for (const entry of entries) {
          hold(!/^\/|(^|\/)\.\.(\/|$)/.test(entry.path), 'an unsafe path');
          const end = entry.type === 'file' ? entry.offset + entry.size : 0;
          hold(end <= input.length, 'a file beyond the end');
        }
        return undefined;
      },
    },
    {
      name: 'pax',
      seeds: ['15 path=a/b.bin', '20 mtime=1700000000.5', '10 size=9'].map((line) => {
        const rest = line.slice(line.indexOf(' '));
        return Buffer.from(`${rest.length + 3}${rest}\n`);
      }),
      parse: (input) => {
        decodePax(input, 0);
        return undefined;
      },
    },
  ];
}

/**
 * Random reads of 4 KiB from an archive, each from a segment of its own.
 *
 *   node reads.ts strongroom|raw ARCHIVE IDENTITY CARD COUNT
 *
 * Prints {"wall":s,"openMs":…,"latencyMs":{…}}. `raw` does what no reader can do without:
 * it reads the segment, hashes it and decrypts it, with a key of its own and no checks.
 */
import { createDecipheriv, randomBytes, randomInt } from 'node:crypto';
import { openSync, readFileSync, readSync } from 'node:fs';
import { unlock } from '#strongroom/archive/reader.js';
import {
  type Payload,
  PlaintextReader,
  SegmentReader,
  segmentOffset,
} from '#strongroom/archive/segments.js';
import { segmentOverhead } from '#strongroom/crypto/floe.js';
import { treeHashes } from '#strongroom/crypto/hash.js';
import { openSource } from '#strongroom/engine/locate.js';
import { decodeCard, decodeIdentity, trustCards } from '#strongroom/index.js';
import { quantile } from '../statistics.ts';

const readBytes = 4096;

type Read = (into: Uint8Array, offset: number) => Promise<unknown> | undefined;

function rawReader(path: string, payload: Payload): Read {
  const fd = openSync(path, 'r');
  const key = randomBytes(32);
  const segment = new Uint8Array(payload.segmentBytes + segmentOverhead);
  const hash = treeHashes[payload.hash];
  return (into, offset) => {
    const index = Math.floor(offset / payload.segmentBytes);
    const length = readSync(fd, segment, 0, segment.length, segmentOffset(payload, index));
    hash.digest(segment.subarray(0, length));
    const decipher = createDecipheriv('aes-256-gcm', key, segment.subarray(4, 16));
    const plaintext = decipher.update(segment.subarray(16, length - 16));
    const within = offset - index * payload.segmentBytes;
    into.set(plaintext.subarray(within, within + into.length));
    return undefined;
  };
}

const [how, archivePath, identityPath, cardPath, count] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const identity = await decodeIdentity(readFileSync(identityPath));
const trust = trustCards([decodeCard(readFileSync(cardPath))]);

const opening = performance.now();
const source = await openSource({ kind: 'file', path: archivePath });
const archive = await unlock(source, { identity, trust });
const { payload, tree } = archive.trailer;
const segments = await SegmentReader.open(source, payload, tree);
const reader = new PlaintextReader(payload, segments, archive.floe);
const openMs = performance.now() - opening;

const read: Read =
  how === 'raw' ? rawReader(archivePath, payload) : (into, offset) => reader.readAt(into, offset);

const into = new Uint8Array(readBytes);
const latencies: number[] = [];
const pages = Math.floor(payload.length / readBytes);
const began = performance.now();
for (let i = 0; i < Number(count); i++) {
  const offset = randomInt(pages) * readBytes;
  const from = performance.now();
  await read(into, offset);
  latencies.push(performance.now() - from);
}
const wall = (performance.now() - began) / 1e3;
const latencyMs = {
  median: quantile(latencies, 0.5),
  p90: quantile(latencies, 0.9),
  p99: quantile(latencies, 0.99),
  most: quantile(latencies, 1),
};
console.log(JSON.stringify({ wall, openMs, latencyMs }));
reader.close();
archive.wipe();
source.close();
identity.wipe();

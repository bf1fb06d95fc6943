/**
 * `npm run bench:micro`: what single steps cost, in one thread, by tinybench.
 *
 *   npm run bench:micro                   every one, half a second each
 *   npm run bench:micro -- --only floe    by a part of the name
 *   npm run bench:micro -- --time 100     milliseconds each
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { z } from 'zod';
import { LeafBuffer } from '#strongroom/archive/segments.js';
import { createSegmentCipher, segmentOverhead, startEncryption } from '#strongroom/crypto/floe.js';
import { hpkeOpen, hpkeSeal } from '#strongroom/crypto/hpke.js';
import { type Suite, suites } from '#strongroom/crypto/suites.js';
import { keptSource } from '#strongroom/engine/source.js';
import { buildTree, TreeReader } from '#strongroom/engine/tree.js';
import { decodeJson, encodeJson } from '#strongroom/json.js';
import { markdownTable } from './tables.ts';

interface Task {
  readonly name: string;
  /** Bytes that one run works through, for a rate. */
  readonly bytes?: number;
  run(): unknown;
}

const segmentBytes = 2 ** 20;
const bytesOf = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

function floeTasks(): Task[] {
  const { state } = startEncryption(bytesOf(32), bytesOf(48), segmentBytes);
  const cipher = createSegmentCipher(state);
  const plaintext = bytesOf(segmentBytes);
  const encrypted = new Uint8Array(segmentBytes + segmentOverhead);
  const decrypted = new Uint8Array(segmentBytes);
  // One that stays, since the other task overwrites its own.
  const segment = new Uint8Array(segmentBytes + segmentOverhead);
  cipher.encrypt(plaintext, 0, false, segment);
  const bytes = segmentBytes;
  return [
    {
      name: 'floe encrypt 1 MiB',
      bytes,
      run: () => cipher.encrypt(plaintext, 0, false, encrypted),
    },
    { name: 'floe decrypt 1 MiB', bytes, run: () => cipher.decrypt(segment, 0, false, decrypted) },
  ];
}

const treeLeaves = 16_384;

async function treeTasks({ hash, name }: Suite): Promise<Task[]> {
  const leaf = new LeafBuffer(segmentBytes, hash);
  leaf.segment.set(bytesOf(leaf.segment.length));
  const leaves = bytesOf(treeLeaves * hash.bytes);
  const { levels, root } = buildTree(hash, leaves);
  const parts = levels.map((bytes, level) => ({
    at: levels.slice(0, level).reduce((sum, { length }) => sum + length, 0),
    bytes,
  }));
  const size = levels.reduce((sum, { length }) => sum + length, 0);
  const source = keptSource('tiles', size, parts);
  const open = () => TreeReader.open(source, hash, { at: 0, leaves: treeLeaves, root });
  const reader = await open();
  let at = 0;
  return [
    {
      name: `${name} leaf hash 1 MiB (${hash.name})`,
      bytes: leaf.segment.length,
      run: () => leaf.digest(7, leaf.segment.length),
    },
    { name: `${name} tree of ${treeLeaves} leaves`, run: () => buildTree(hash, leaves) },
    {
      name: `${name} tile path, first of a reader`,
      run: async () => (await open()).leaf(treeLeaves / 2),
    },
    {
      name: `${name} tile path, kept groups`,
      run: () => {
        at = (at + 1) % treeLeaves;
        return reader.leaf(at);
      },
    },
  ];
}

function keyTasks(suite: Suite): Task[] {
  const { name, kem, signatures } = suite;
  const seed = bytesOf(kem.seedBytes);
  const publicKey = kem.publicKey(seed);
  const info = bytesOf(112);
  const { enc, sealed } = hpkeSeal(suite, publicKey, info, bytesOf(32));
  const fileKey = bytesOf(32);
  const message = bytesOf(1024);
  return [
    { name: `${name} hpke seal`, run: () => hpkeSeal(suite, publicKey, info, fileKey) },
    { name: `${name} hpke open`, run: () => hpkeOpen(suite, seed, enc, sealed, info) },
    ...signatures.flatMap((algorithm): Task[] => {
      const signingSeed = bytesOf(algorithm.seedBytes);
      const verifyKey = algorithm.publicKey(signingSeed);
      const signature = algorithm.sign(signingSeed, message);
      return [
        { name: `${algorithm.name} sign`, run: () => algorithm.sign(signingSeed, message) },
        {
          name: `${algorithm.name} verify`,
          run: () => algorithm.verify(verifyKey, message, signature),
        },
      ];
    }),
  ];
}

function jsonTasks(): Task[] {
  const entries = Array.from({ length: 10_000 }, (_, i) => ({
    mode: 0o644,
    mtime: 1_700_000_000,
    offset: i * 4096 + 512,
    path: `model/layer-${i}.safetensors`,
    size: 4096,
    type: 'file',
  }));
  const schema = z.array(
    z.strictObject({
      mode: z.int(),
      mtime: z.int(),
      offset: z.int(),
      path: z.string(),
      size: z.int(),
      type: z.literal('file'),
    }),
  );
  const encoded = encodeJson(entries);
  const kind = { what: 'entries', code: 'MANIFEST_INVALID', maxBytes: encoded.length } as const;
  const bytes = encoded.length;
  return [
    { name: 'json encode 10,000 entries', bytes, run: () => encodeJson(entries) },
    { name: 'json decode 10,000 entries', bytes, run: () => decodeJson(encoded, schema, kind) },
  ];
}

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, time: { type: 'string', default: '500' } },
});

const tasks: Task[] = [...floeTasks(), ...jsonTasks()];
for (const suite of Object.values(suites)) {
  tasks.push(...(await treeTasks(suite)), ...keyTasks(suite));
}
const chosen = tasks.filter(({ name }) => name.toLowerCase().includes(values.only.toLowerCase()));
const bench = new Bench({ time: Number(values.time), warmupTime: Number(values.time) / 4 });
for (const { name, run } of chosen) bench.add(name, run);
await bench.run();

const milliseconds = (value: number): string => value.toPrecision(3);
const rows = chosen.map(({ name, bytes }) => {
  const result = bench.getTask(name)?.result;
  if (result?.state !== 'completed') return [name, 'failed'];
  const { p50, p99 } = result.latency;
  const rate = bytes === undefined ? '' : (bytes / 1e6 / p50).toFixed(2);
  return [name, milliseconds(p50), milliseconds(p99), rate];
});
console.log(markdownTable([['', 'median ms', 'p99 ms', 'GB/s'], ...rows]));

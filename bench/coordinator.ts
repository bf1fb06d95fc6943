/**
 * `npm run bench:coordinator`: what finishing a huge plan takes of one machine, in seconds and memory.
 *
 *   npm run bench:coordinator                                       9,800 parts, 10 million segments
 *   npm run bench:coordinator -- --parts 100 --segments 100000      of another size
 *   npm run bench:coordinator -- --directory /dev/shm               receipts elsewhere
 *
 * The payload is not there: leaf hashes are random bytes, and what the store would list is made
 * up. All else is what `plan finish` does: a plan with the keys of all windows, receipts that
 * workers have signed, read from a directory and verified, winners, tree and trailer.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { limits, payloadOffset } from '#strongroom/archive/core.js';
import { sealTrailer } from '#strongroom/archive/trailer.js';
import { base64 } from '#strongroom/bytes.js';
import { ciphertextBytes, segmentOverhead } from '#strongroom/crypto/floe.js';
import { buildTree } from '#strongroom/engine/tree.js';
import { createIdentity } from '#strongroom/index.js';
import { beginPlan, commonOf, hide, writeNewPlan } from '#strongroom/operations/plan/new.js';
import {
  readPlan,
  readReceipts,
  receiptPlace,
  receiptsAt,
} from '#strongroom/operations/plan/place.js';
import { begin } from '#strongroom/operations/seal.js';
import { maxRanges, partsOfRange, segmentsOfPart } from '#strongroom/scale/division.js';
import { sealFileKey } from '#strongroom/scale/keys.js';
import type { Sealing } from '#strongroom/scale/private.js';
import { createReceipt, type Done, newAttempt } from '#strongroom/scale/receipt.js';
import { chooseWinners } from '#strongroom/scale/winners.js';
import { markdownTable } from './tables.ts';

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: String(maxRanges) },
    segments: { type: 'string', default: '10000000' },
    workers: { type: 'string', default: '16' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const segmentBytes = limits.segmentBytes.usual;
const segments = Number(values.segments);
const each = Math.ceil(segments / Number(values.parts));
const parts = { count: Math.ceil(segments / each), segments: each };
const ranges = parts.count;
const payload = { length: segments * segmentBytes, segments };

const MB = 1e6;
const rows: string[][] = [];

/** Times a stage; the peak of memory is that of the process up to its end. */
async function stage<T>(name: string, run: () => T | Promise<T>): Promise<T> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const done = await run();
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  const peak = (process.resourceUsage().maxRSS * 1024) / MB;
  rows.push([name, seconds.toFixed(1), ((user + system) / 1e6).toFixed(1), peak.toFixed(0)]);
  return done;
}

const directory = mkdtempSync(join(values.directory, 'strongroom-bench-coordinator-'));
const signal = new AbortController().signal;
const author = createIdentity({ name: 'author' });
const workers = Array.from({ length: Number(values.workers) }, (_, i) =>
  createIdentity({ name: `worker ${i}` }),
);
const options = {
  plan: join(directory, 'plan'),
  ranges,
  workers: workers.map(({ card }) => card),
};
const beginning = await begin({ signer: author, recipients: [author.card] });
const { core, keys, header, floe } = beginning;
const { bytes: hashBytes } = core.suite.hash;

async function makePlan() {
  const next = beginPlan(options, author.card);
  const spans = Array.from({ length: ranges }, (_, range) => [
    partsOfRange(parts, payload, ranges, range).segments,
  ]);
  const content: Sealing = {
    base: '/',
    entries: [],
    files: { at: [], mtimes: [], paths: [], sizes: [] },
    headers: { at: [], bytes: '', lengths: [] },
    type: 'strongroom/plan-sealing',
    unread: [],
    version: 1,
  };
  const hidden = hide(next, options, core, author.card, { content, floe, spans });
  const body = {
    ...commonOf(next, options, core, author.card),
    ...hidden.signed,
    fileKey: sealFileKey({ core, id: next.id }, author.card, beginning.fileKey),
    floe: base64(header),
    kind: 'seal',
    output: 's3://models/model.srm',
    overwrite: false,
    parts,
    payload,
    receipts: receiptPlace(next.id, join(directory, 'receipts'), undefined),
    ring: base64(beginning.ring.bytes),
    upload: 'none',
    workers: hidden.workers,
  } as const;
  await writeNewPlan(body, hidden.bytes, author, options.plan);
  return readPlan(options.plan);
}

/** What a worker says of a part, and the store as well. */
function partOf(part: number) {
  const { from, to } = segmentsOfPart(parts, payload, part);
  const front = part === 0 ? beginning.front.length : 0;
  return {
    bytes: front + (to - from) * (segmentBytes + segmentOverhead),
    crc32: base64(randomBytes(4)),
    etag: `"${randomBytes(16).toString('hex')}"`,
    number: part + 1,
    leaves: base64(randomBytes((to - from) * hashBytes)),
  };
}

try {
  const plan = await stage(`plan of ${ranges} ranges for ${workers.length} workers`, makePlan);
  const held = new Map<number, { bytes: number; crc32: string; etag: string }>();
  await stage('receipts (what all workers do for them)', async () => {
    const place = receiptsAt(plan.body.receipts, signal);
    for (let range = 0; range < ranges; range++) {
      const { leaves, ...rest } = partOf(range);
      const worker = workers[range % workers.length] ?? author;
      const attempt = newAttempt();
      const done: Done = { did: 'seal', parts: [{ leaves, ...rest }] };
      await place.write(range, attempt, createReceipt(plan, range, attempt, done, worker));
      held.set(range + 1, rest);
    }
  });
  const { receipts, refused } = await stage('read and verify receipts', () =>
    readReceipts(plan, signal),
  );
  if (refused.length > 0) throw new Error(refused[0]?.why);
  const counted = await stage('choose winners', () =>
    chooseWinners({ parts, payload, ranges }, hashBytes, held, receipts),
  );
  if (counted.missing.length > 0) throw new Error(`missing: ${counted.missing}`);
  await stage('tree alone', () => buildTree(core.suite.hash, counted.leaves).root);
  const trailer = await stage('trailer: manifest, tree, seal', () =>
    sealTrailer({
      core,
      keys,
      signer: author,
      claims: undefined,
      floeHeader: header,
      manifest: { entries: [], length: payload.length },
      payload,
      leaves: counted.leaves,
      at: payloadOffset(core) + ciphertextBytes(payload.length, segmentBytes),
    }),
  );
  const { archiveBytes } = trailer.footer;
  const tail = trailer.parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  console.log(markdownTable([['', 's', 'CPU s', 'peak MB so far'], ...rows]));
  console.log(`\n${segments} segments of ${segmentBytes} bytes in ${parts.count} parts of ${each}`);
  console.log(
    `archive ${(archiveBytes / 1e12).toFixed(2)} TB, trailer ${(tail / MB).toFixed(0)} MB`,
  );
} finally {
  beginning.wipe();
  rmSync(directory, { recursive: true, force: true });
}

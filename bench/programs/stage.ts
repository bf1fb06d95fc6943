/**
 * One raw stage of sealing, by itself, on several threads: what the hardware allows.
 *
 *   node stage.ts STAGE THREADS BYTES [FILE…]
 *
 * Prints {"wall":s,"cpu":s} of the work alone, without start-up. Buffers are of a segment's
 * length and reused, as the engine does.
 */
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { blake3, sha384 } from '#strongroom/crypto/hash.js';

const segmentBytes = 2 ** 20;
const chunkBytes = 120 * 1024;

type Work = (buffer: Uint8Array, index: number) => void;

const digesting = (digest: (data: Uint8Array) => Uint8Array) => (): Work => (buffer) => {
  digest(buffer);
};

/** Reads the files one after the other as if they were one. */
function reading(paths: readonly string[]): Work {
  const files = paths.map((path) => {
    const fd = openSync(path, 'r');
    return { fd, segments: Math.floor(fstatSync(fd).size / segmentBytes) };
  });
  return (buffer, index) => {
    let at = index;
    for (const { fd, segments } of files) {
      if (at < segments) {
        readSync(fd, buffer, 0, segmentBytes, at * segmentBytes);
        return;
      }
      at -= segments;
    }
  };
}

/** Each thread to a file of its own: a file on tmpfs takes one writer at a time. */
function writing([path]: readonly string[], thread: number): Work {
  const fd = openSync(`${path}.${thread}`, 'w');
  return (buffer, index) => {
    writeSync(fd, buffer, 0, segmentBytes, index * segmentBytes);
  };
}

/**
 * AES-256-GCM of `node:crypto` in the calls that the engine makes, each output given back at
 * once, without FLOE around it and without a copy of the output.
 */
function encrypting(): Work {
  const key = randomBytes(32);
  return (buffer, index) => {
    const iv = Buffer.alloc(12);
    iv.writeUInt32BE(index);
    const cipher = createCipheriv('aes-256-gcm', key, iv);
    for (let at = 0; at < segmentBytes; at += chunkBytes) {
      const { buffer: done } = cipher.update(buffer.subarray(at, at + chunkBytes));
      if (canGiveBack) (done as Transferable).transfer(0);
    }
    cipher.final();
    cipher.getAuthTag();
  };
}

type Transferable = ArrayBuffer & { transfer(length: number): ArrayBuffer };
const canGiveBack = 'transfer' in ArrayBuffer.prototype;

const stages: Record<string, (paths: readonly string[], thread: number) => Work> = {
  'aes-256-gcm': encrypting,
  blake3: digesting(blake3.digest),
  sha384: digesting(sha384),
  // Another implementation of the second ceiling, for Nodes whose one-shot hash differs
  'sha384-stream': digesting((data) => createHash('sha384').update(data).digest()),
  read: reading,
  write: writing,
};

interface Shared {
  readonly stage: string;
  readonly paths: readonly string[];
  readonly segments: number;
  /** Threads ready, threads done, next segment, and the gate. */
  readonly cells: Int32Array<SharedArrayBuffer>;
  readonly thread: number;
}

const cell = { ready: 0, done: 1, next: 2, gate: 3 } as const;

function work({ stage, paths, segments, cells, thread }: Shared): void {
  const once = (stages[stage] as (typeof stages)[string])(paths, thread);
  const buffer = new Uint8Array(randomBytes(segmentBytes));
  for (let i = 0; i < 8 && stage !== 'write'; i++) once(buffer, 0);
  Atomics.add(cells, cell.ready, 1);
  Atomics.notify(cells, cell.ready);
  Atomics.wait(cells, cell.gate, 0);
  for (;;) {
    const index = Atomics.add(cells, cell.next, 1);
    if (index >= segments) break;
    once(buffer, index);
  }
  Atomics.add(cells, cell.done, 1);
  Atomics.notify(cells, cell.done);
}

/** Blocks until a cell has reached `value`. */
function awaitCell(cells: Shared['cells'], index: number, value: number): void {
  for (;;) {
    const now = Atomics.load(cells, index);
    if (now >= value) return;
    Atomics.wait(cells, index, now);
  }
}

async function main([stage, threads, bytes, ...paths]: string[]): Promise<void> {
  if (stage === undefined || !(stage in stages)) throw new Error(`no such stage: ${stage}`);
  const cells = new Int32Array(new SharedArrayBuffer(16));
  const segments = Math.floor(Number(bytes) / segmentBytes);
  const workers = Array.from({ length: Number(threads) }, (_, thread) => {
    const workerData: Shared = { stage, paths, segments, cells, thread };
    return new Worker(new URL(import.meta.url), { workerData });
  });
  await new Promise<void>((resolve) => {
    // Workers start with the help of this thread's event loop, so it must not block yet.
    const timer = setInterval(() => {
      if (Atomics.load(cells, cell.ready) < workers.length) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
  const cpu = process.cpuUsage();
  const began = performance.now();
  Atomics.store(cells, cell.gate, 1);
  Atomics.notify(cells, cell.gate);
  awaitCell(cells, cell.done, workers.length);
  const wall = (performance.now() - began) / 1e3;
  const used = process.cpuUsage(cpu);
  if (stage === 'write') {
    for (const thread of workers.keys()) rmSync(`${paths[0]}.${thread}`);
  }
  console.log(JSON.stringify({ wall, cpu: (used.user + used.system) / 1e6 }));
}

if (isMainThread) await main(process.argv.slice(2));
else work(workerData as Shared);

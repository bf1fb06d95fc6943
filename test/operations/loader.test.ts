/** Reading an archive lazily: what comes out, what is read for it, and what is kept. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { segmentOffset } from '#strongroom/archive/segments.js';
import { type LoaderOptions, type OpenArchive, openArchive } from '#strongroom/index.js';
import {
  makeArchive,
  noise,
  outcome,
  people,
  regionsOf,
  segmentBytes,
  sharedWorkspace,
} from '../support/archive.ts';
import { gguf, safetensors } from '../support/models.ts';
import { serveRanges } from '../support/ranges.ts';

const who = people();
const access = { identity: who.reader, trust: who.trust };
const root = sharedWorkspace();
const big = noise(100 * segmentBytes + 123);
const [a, b] = [
  Array.from({ length: 3000 }, (_, i) => i),
  Array.from({ length: 2000 }, (_, i) => -i),
];
let path: string;
const open: OpenArchive[] = [];

beforeAll(async () => {
  path = await makeArchive(root, {
    who,
    files: {
      'big.bin': big,
      empty: '',
      'm/1.safetensors': safetensors({ a }),
      'm/2.safetensors': safetensors({ b, c: [7] }),
      'm/model.safetensors.index.json': JSON.stringify({
        weight_map: { a: '1.safetensors', b: '2.safetensors', c: '2.safetensors' },
      }),
      'q.gguf': gguf({
        tensors: [{ name: 'q', dimensions: [4], type: 0, offset: 0 }],
        data: Buffer.from(Float32Array.of(1, 2, 3, 4).buffer),
      }),
    },
  });
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((archive) => archive.close()));
});

async function opened(options: Partial<LoaderOptions> = {}): Promise<OpenArchive> {
  const archive = await openArchive(path, { ...access, ...options });
  open.push(archive);
  return archive;
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

describe.each([0, 1, 3])('in %i threads', (threads) => {
  it('files come out as they were sealed, whole and in parts', async () => {
    const archive = await opened({ threads, cacheBytes: 8 * segmentBytes });
    expect(archive.files().map((file) => file.path)).toContain('m/1.safetensors');
    expect((await all(archive.stream('big.bin'))).equals(big)).toBe(true);
    const part = { offset: segmentBytes - 1, length: 2 * segmentBytes };
    const expected = Buffer.from(big.subarray(part.offset, part.offset + part.length));
    expect((await all(archive.stream('big.bin', part))).equals(expected)).toBe(true);
    expect(expected.equals(await archive.readRange('big.bin', part.offset, part.length))).toBe(
      true,
    );
    expect(await archive.readRange('big.bin', big.length, 0)).toHaveLength(0);
    expect(await all(archive.stream('empty'))).toHaveLength(0);
  });

  it('many read at once through a cache of two segments', async () => {
    const archive = await opened({ threads, cacheBytes: 1 });
    const readers = Array.from({ length: 16 }, async (_, i) => {
      const offset = i * 1000;
      const found = await all(archive.stream('big.bin', { offset }));
      return found.equals(big.subarray(offset));
    });
    expect(await Promise.all(readers)).toEqual(Array(16).fill(true));
    expect(archive.statistics().bytes).toBe(2 * segmentBytes);
  });
});

describe.each([0, 2])('an archive over HTTP (%i threads)', (threads) => {
  it('is read in parts, from the state that it was opened in', async () => {
    const server = await serveRanges(new Uint8Array(readFileSync(path)));
    const archive = await openArchive(server.url, { ...access, threads });
    open.push(archive);
    expect((await all(archive.stream('big.bin'))).equals(big)).toBe(true);
    const { data } = await archive.tensor('c');
    expect(new Float32Array(data.buffer)).toEqual(Float32Array.of(7));
  });
});

describe('what is read', () => {
  it('is the segments of a range, and once', async () => {
    const archive = await opened({ threads: 0, readAheadBytes: 0 });
    await archive.readRange('big.bin', 50 * segmentBytes, 1);
    const { decrypted } = archive.statistics();
    // The tar header of the file, and the byte
    expect(decrypted).toBeLessThanOrEqual(2);
    await archive.readRange('big.bin', 50 * segmentBytes, 1);
    expect(archive.statistics()).toMatchObject({ decrypted, misses: decrypted });
  });

  it('takes a few places of a large cache, if nobody comes back to it', async () => {
    const readAheadBytes = 4 * segmentBytes;
    const archive = await opened({ threads: 0, cacheBytes: 64 * segmentBytes, readAheadBytes });
    await archive.readRange('big.bin', 50 * segmentBytes, 1);
    expect((await all(archive.stream('big.bin'))).equals(big)).toBe(true);
    const { bytes, misses } = archive.statistics();
    expect(bytes).toBeLessThanOrEqual(12 * segmentBytes);
    // What was wanted before is there still
    await archive.readRange('big.bin', 50 * segmentBytes, 1);
    expect(archive.statistics().misses).toBe(misses);
  });

  it('is read once for two streams of which one follows the other', async () => {
    const archive = await opened({ threads: 0, cacheBytes: 200 * segmentBytes });
    const parts: Uint8Array[][] = [[], []];
    const streams = [archive.stream('big.bin'), archive.stream('big.bin')];
    const step = async (i: 0 | 1) => {
      const { value } = (await streams[i]?.next()) ?? {};
      if (value instanceof Uint8Array) parts[i]?.push(value);
      return value instanceof Uint8Array;
    };
    await step(1);
    while (await step(0)) {
      // To the end, while the other stands at its beginning
    }
    while (await step(1)) {
      // From the cache
    }
    for (const each of parts) expect(Buffer.concat(each).equals(big)).toBe(true);
    expect(archive.statistics().decrypted).toBeLessThanOrEqual(103);
  });

  it('is headers alone for a list of tensors', async () => {
    const archive = await opened({ threads: 0, readAheadBytes: 0 });
    const tensors = await archive.tensors();
    expect(tensors.map(({ file, name, dtype, shape }) => [file, name, dtype, shape])).toEqual([
      ['m/1.safetensors', 'a', 'F32', [3000]],
      ['m/2.safetensors', 'b', 'F32', [2000]],
      ['m/2.safetensors', 'c', 'F32', [1]],
      ['q.gguf', 'q', 'F32', [4]],
    ]);
    expect(archive.statistics().decrypted).toBeLessThan(12);
  });

  it('is the segments that hold a tensor', async () => {
    const archive = await opened({ threads: 0, readAheadBytes: 0 });
    const tensor = await archive.tensor('c');
    expect(new Float32Array(tensor.data.buffer)).toEqual(Float32Array.of(7));
    // Index, header of the shard it names, and the tensor, with the tar headers of both
    expect(archive.statistics().decrypted).toBeLessThanOrEqual(5);
    const whole = await archive.tensor('a', { file: 'm/1.safetensors' });
    expect(new Float32Array(whole.data.buffer)).toEqual(Float32Array.from(a));
  });
});

describe('refused is', () => {
  it('what is not there', async () => {
    const archive = await opened({ threads: 0 });
    expect(await outcome(() => archive.readRange('none', 0, 1))).toBe('NO_SUCH_ENTRY');
    expect(await outcome(() => archive.readRange('m', 0, 1))).toBe('NO_SUCH_ENTRY');
    expect(await outcome(() => archive.tensor('none'))).toBe('NO_SUCH_TENSOR');
    expect(await outcome(() => archive.tensor('a', { file: 'm/2.safetensors' }))).toBe(
      'NO_SUCH_TENSOR',
    );
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [big.length, 1],
      [0, big.length + 1],
      [2 ** 53, 1],
    ]) {
      expect(
        await outcome(() => archive.readRange('big.bin', offset as number, length as number)),
      ).toBe('RANGE_INVALID');
    }
  });

  it('a tensor that two files have', async () => {
    const twice = await makeArchive(root, {
      who,
      name: 'twice',
      files: { 'a.safetensors': safetensors({ t: [1] }), 'b.safetensors': safetensors({ t: [2] }) },
    });
    const archive = await openArchive(twice, { ...access, threads: 0 });
    open.push(archive);
    expect(await outcome(() => archive.tensor('t'))).toBe('NO_SUCH_TENSOR');
    const { data } = await archive.tensor('t', { file: 'b.safetensors' });
    expect(new Float32Array(data.buffer)).toEqual(Float32Array.of(2));
  });

  it('an index that names what is not there', async () => {
    const files = {
      'a.safetensors': safetensors({ t: [1] }),
      'model.safetensors.index.json': '{"weight_map":{"u":"a.safetensors"}}',
    };
    const lying = await makeArchive(root, { who, name: 'lying', files });
    const archive = await openArchive(lying, { ...access, threads: 0 });
    open.push(archive);
    expect(await outcome(() => archive.tensors())).toBe('MODEL_INVALID');
    expect(await outcome(() => archive.tensor('u'))).toBe('NO_SUCH_TENSOR');
  });

  it.each([0, 2])('a segment that was altered, and no other (%i threads)', async (threads) => {
    const altered = await makeArchive(root, { who, name: `altered-${threads}`, files: { f: big } });
    const { core, footer } = regionsOf(readFileSync(altered));
    const at = regionsOf(readFileSync(altered)).at.header[0];
    const payload = { hash: core.suite.hash.name, at, segmentBytes, length: 0, segments: 0 };
    expect(footer.manifestAt).toBeGreaterThan(segmentOffset(payload, 41));
    const archive = await openArchive(altered, { ...access, threads });
    open.push(archive);
    const fd = openSync(altered, 'r+');
    writeSync(fd, Uint8Array.of(0xff, 0x00, 0xff), 0, 3, segmentOffset(payload, 40) + 99);
    closeSync(fd);
    const before = 39 * segmentBytes;
    // A whole block of the tar comes before the file
    expect(await outcome(() => archive.readRange('f', 0, before - 512))).toBe('accepted');
    expect(await outcome(() => archive.readRange('f', 40 * segmentBytes, 10))).toBe(
      'SEGMENT_INVALID',
    );
    expect(await outcome(() => archive.readRange('f', 42 * segmentBytes, 10))).toBe('accepted');
    expect(await outcome(() => all(archive.stream('f')))).toBe('SEGMENT_INVALID');
    expect(archive.statistics().refused).toBeGreaterThan(0);
  });

  it('a tar that does not fit, an archive that is not one, a stranger', async () => {
    const not = `${root}/not`;
    writeFileSync(not, 'not an archive');
    expect(await outcome(() => openArchive(not, access))).toBe('NOT_AN_ARCHIVE');
    expect(await outcome(() => openArchive(path, { ...access, identity: who.stranger }))).toBe(
      'NO_KEY_FITS',
    );
  });
});

describe('an end', () => {
  it('comes to a read that is aborted, and to nobody else', async () => {
    const archive = await opened({ threads: 1, cacheBytes: 2 * segmentBytes });
    const controller = new AbortController();
    const parts = archive.parts('big.bin', { signal: controller.signal });
    const held = await parts.next();
    controller.abort();
    expect(await outcome(() => parts.next())).toBe('INTERRUPTED');
    if (!held.done) held.value.release();
    const again = { signal: controller.signal };
    expect(await outcome(() => archive.readRange('big.bin', 0, 1, again))).toBe('INTERRUPTED');
    expect((await all(archive.stream('big.bin'))).equals(big)).toBe(true);
  });

  it('comes to one that waits for room', async () => {
    const archive = await opened({ threads: 0, cacheBytes: 2 * segmentBytes });
    const parts = archive.parts('big.bin');
    const held = [await parts.next(), await parts.next()];
    const controller = new AbortController();
    const options = { signal: controller.signal };
    const waiting = outcome(() => archive.readRange('big.bin', 60 * segmentBytes, 1, options));
    controller.abort();
    expect(await waiting).toBe('INTERRUPTED');
    for (const each of held) if (!each.done) each.value.release();
    expect(await archive.readRange('big.bin', 60 * segmentBytes, 1)).toHaveLength(1);
  });

  it.each([0, 2])('leaves no plaintext in the cache, and no use (%i threads)', async (threads) => {
    const archive = await opened({ threads });
    const part = await archive.parts('big.bin').next();
    const bytes = part.done ? new Uint8Array() : part.value.bytes;
    expect(Buffer.from(bytes).equals(big.subarray(0, bytes.length))).toBe(true);
    await archive.close();
    await archive.close();
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    expect(await outcome(() => archive.readRange('big.bin', 0, 1))).toBe('ARCHIVE_CLOSED');
  });
});

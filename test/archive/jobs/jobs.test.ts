/** What threads do with segments, in this thread: every byte, every report, and when they stop. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { digestRanges as rangesOf } from '#strongroom/archive/digests.js';
import { digestRanges } from '#strongroom/archive/jobs/digest.js';
import { LeafCollector, type LeafReport } from '#strongroom/archive/jobs/leaves.js';
import { openSegments } from '#strongroom/archive/jobs/open.js';
import { openPipe, type PipeReport, sealPipe } from '#strongroom/archive/jobs/pipe.js';
import { rekeySegments } from '#strongroom/archive/jobs/rekey.js';
import { sealSegments } from '#strongroom/archive/jobs/seal.js';
import { verifySegments } from '#strongroom/archive/jobs/verify.js';
import { LeafBuffer } from '#strongroom/archive/segments.js';
import { type FloeState, floeHeaderBytes, segmentOverhead } from '#strongroom/crypto/floe.js';
import { treeHashes } from '#strongroom/crypto/hash.js';
import { beginUpload } from '#strongroom/engine/remote/multipart.js';
import { sharedBytes, sharedNumbers } from '#strongroom/engine/shared.js';
import { refusal } from '../../keys/helpers.ts';
import { noise, readFiles, sharedWorkspace, workspace } from '../../support/archive.ts';
import { serveStore } from '../../support/store.ts';
import { file, tar } from '../../support/tar.ts';
import {
  control,
  decrypted,
  extentsIn,
  keysOf,
  messageOf,
  never,
  type Sealed,
  type Stream,
  sealedIn,
  sealInto,
  segmentAt,
  segmentBytes,
  streamIn,
  through,
  written,
} from './helpers.ts';

const store = await serveStore();
const root = sharedWorkspace();
let stream: Stream;
let sealed: Sealed;
beforeAll(async () => {
  stream = await streamIn(root);
  sealed = await sealedIn(join(root, 'sealed'), stream);
});

const altered = (at: number): string => {
  const path = join(workspace(), 'altered');
  const bytes = readFileSync(sealed.path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  return path;
};
const sourceAt = (path: string) => ({ ...sealed, source: { kind: 'file', path } as const });

describe('sealing', () => {
  it.each(['blake3', 'sha384'] as const)(
    'encrypts every segment, and tells its leaf: %s',
    async (hash) => {
      const path = join(workspace(), 'out');
      const message = messageOf(stream.bytes.length, hash);
      const { leaves, told, done } = await sealInto(path, stream, message);
      const bytes = readFileSync(path);
      expect(decrypted(message, bytes).equals(stream.bytes)).toBe(true);
      expect(told).toEqual([]);
      expect(done).toBe(stream.bytes.length);
      const found = leaves.hashes(message.payload.segments);
      const { bytes: width } = treeHashes[hash];
      for (let i = 0; i < message.payload.segments; i++) {
        const leaf = new LeafBuffer(segmentBytes, treeHashes[hash]);
        const segment = bytes.subarray(segmentAt(i), segmentAt(i + 1));
        leaf.segment.set(segment);
        const digest = Buffer.from(leaf.digest(i, segment.length));
        expect(Buffer.from(found.subarray(i * width, (i + 1) * width))).toEqual(digest);
      }
    },
  );

  it('hashes files beside, each once', async () => {
    const path = join(workspace(), 'out');
    const { header, floe, payload } = messageOf(stream.bytes.length);
    writeFileSync(path, header);
    const found = new LeafCollector(32, stream.files.length);
    const report = (each: object) => {
      if ('digests' in each) found.add(each.digests as LeafReport);
    };
    const digests = rangesOf(stream.files, {});
    const output = { kind: 'file', path } as const;
    const during = control();
    const job = { kind: 'seal', payload, floe, pieces: stream.pieces, output, digests } as const;
    await sealSegments(job, during, report, never);
    const expected = stream.files.map(({ offset, size }) =>
      createHash('sha256')
        .update(stream.bytes.subarray(offset, offset + size))
        .digest(),
    );
    expect(Buffer.from(found.hashes(expected.length))).toEqual(Buffer.concat(expected));
    const hashed = stream.files.reduce((sum, { size }) => sum + size, 0);
    expect(during.done).toBe(stream.bytes.length + hashed);
  });

  it('to standard output comes in order', async () => {
    const path = join(workspace(), 'out');
    const message = messageOf(stream.bytes.length);
    const output = { kind: 'stdout' } as const;
    const { floe, payload } = message;
    const job = { kind: 'seal', payload, floe, pieces: stream.pieces, output } as const;
    await through('output', path, () =>
      sealSegments({ ...job, digests: undefined }, control(), () => {}, never),
    );
    const bytes = Buffer.concat([message.header, readFileSync(path)]);
    expect(decrypted(message, bytes).equals(stream.bytes)).toBe(true);
  });

  it('to a store goes in parts, and what is left comes back', async () => {
    const message = messageOf(stream.bytes.length);
    const { floe, payload, header } = message;
    const upload = await beginUpload({ kind: 's3', bucket: 'models', key: 'm' }, never);
    const done = sharedBytes(Math.ceil(payload.segments / 2));
    const output = { kind: 'parts', upload, front: header, runSegments: 2, done } as const;
    let tail: Uint8Array = new Uint8Array(0);
    const job = { kind: 'seal', payload, floe, pieces: stream.pieces, output } as const;
    await sealSegments(
      { ...job, digests: undefined },
      control(),
      (each) => {
        if ('tail' in each) tail = each.tail;
      },
      never,
    );
    const parts = [...(store.uploads.get(upload.id) ?? [])].sort(([a], [b]) => a - b);
    expect(parts.map(([number]) => number)).toEqual(Array.from(done.slice(1), (_, i) => i + 1));
    const bytes = Buffer.concat([...parts.map(([, part]) => part), tail]);
    expect(decrypted(message, bytes).equals(stream.bytes)).toBe(true);
  });

  it('does nothing any more once it is stopped', async () => {
    const path = join(workspace(), 'out');
    const stopped = control();
    stopped.stop();
    const { leaves } = await sealInto(path, stream, messageOf(stream.bytes.length), {}, stopped);
    expect(statSync(path).size).toBe(floeHeaderBytes);
    expect(leaves.hashes(0)).toHaveLength(0);
  });
});

describe('digests', () => {
  it('of ranges are each told once, with what is done', async () => {
    const ranges = rangesOf(stream.files, { shardSize: 1000 });
    const found = new LeafCollector(32);
    const during = control();
    const job = { kind: 'digest', pieces: stream.pieces, ranges } as const;
    await digestRanges(job, during, ({ digests }) => found.add(digests));
    const expected = [...ranges.at].map((at, i) => {
      const part = stream.bytes.subarray(at, at + (ranges.lengths[i] as number));
      return createHash('sha256').update(part).digest();
    });
    expect(Buffer.from(found.hashes(expected.length))).toEqual(Buffer.concat(expected));
    expect(during.done).toBe(stream.files.reduce((sum, { size }) => sum + size, 0));
  });
});

it('digests of files that are longer than what is read at once', async () => {
  const directory = workspace();
  const big = noise(2 * 2 ** 20 + 12_345, 8);
  const { pieces, files } = await streamIn(directory, { big, small: 'x' });
  const found = new LeafCollector(32);
  const ranges = rangesOf(files, {});
  await digestRanges({ kind: 'digest', pieces, ranges }, control(), ({ digests }) =>
    found.add(digests),
  );
  const expected = [big, Buffer.from('x')].map((each) =>
    createHash('sha256').update(each).digest(),
  );
  expect(Buffer.from(found.hashes(2))).toEqual(Buffer.concat(expected));
});

describe('verifying', () => {
  const verify = (job: Pick<Sealed, 'source' | 'payload' | 'tree'>, more: object = {}) => {
    const during = control();
    const { source, payload, tree } = job;
    const whole = { kind: 'verify', source, payload, tree, ...more } as const;
    return verifySegments(whole, during, undefined, never).then(() => during.done);
  };

  it('goes through all segments, or those that are wanted', async () => {
    expect(await verify(sealed)).toBe(stream.bytes.length);
    expect(await verify(sealed, { wanted: sharedNumbers([1, 3]) })).toBe(2 * segmentBytes);
    const last = sealed.payload.segments - 1;
    const rest = stream.bytes.length - last * segmentBytes;
    expect(await verify(sealed, { wanted: sharedNumbers([last]) })).toBe(rest);
  });

  it('refuses the one that is altered', async () => {
    const job = sourceAt(altered(segmentAt(2) + 9));
    expect(await refusal(() => verify(job))).toMatchObject({ code: 'SEGMENT_INVALID', segment: 2 });
    expect(await verify(job, { wanted: sharedNumbers([0, 1, 3]) })).toBe(3 * segmentBytes);
  });
});

describe('opening', () => {
  const into = async (directory: string, job: Sealed, more: object = {}) => {
    mkdirSync(join(directory, 'd/g/h'), { recursive: true });
    const during = control();
    const { source, payload, tree } = job;
    const whole = {
      kind: 'open',
      source,
      payload,
      tree,
      floe: keysOf(job),
      extents: extentsIn(directory, stream),
      wanted: undefined,
      ...more,
    } as const;
    await openSegments(whole, during, () => {}, never);
    return during.done;
  };
  const contentOf = (path: string) => {
    const { offset, size } =
      stream.files.find((each) => each.path === path) ?? expect.unreachable();
    return stream.bytes.subarray(offset, offset + size).toString('latin1');
  };

  it('puts every byte into its file', async () => {
    const directory = join(workspace(), 'out');
    expect(await into(directory, sealed)).toBe(stream.bytes.length);
    const expected = ['a', 'c', 'd/e', 'd/f', 'd/g/h/i'].map((path) => [path, contentOf(path)]);
    const directories = { 'd/': '', 'd/g/': '', 'd/g/h/': '' };
    expect(readFiles(directory)).toEqual({ ...directories, ...Object.fromEntries(expected) });
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o600);
  });

  it('writes of the wanted segments alone', async () => {
    const directory = join(workspace(), 'out');
    const done = await into(directory, sealed, { wanted: sharedNumbers([0]) });
    expect(done).toBe(segmentBytes);
    const { offset } = stream.files[0] ?? expect.unreachable();
    const a = readFileSync(join(directory, 'a'), 'latin1');
    expect(a).toBe(contentOf('a').slice(0, segmentBytes - offset));
    expect(existsSync(join(directory, 'c'))).toBe(false);
  });

  it('comes to standard output in order', async () => {
    const path = join(workspace(), 'out');
    await through('output', path, () => into(workspace(), sealed, { extents: undefined }));
    expect(readFileSync(path).equals(stream.bytes)).toBe(true);
  });

  it('lets nothing out of a segment that is altered, nor of one under another key', async () => {
    const path = join(workspace(), 'out');
    const job = sourceAt(altered(segmentAt(1) + 9));
    const error = await through('output', path, () =>
      refusal(() => into(workspace(), job, { extents: undefined })),
    );
    expect(error).toMatchObject({ code: 'SEGMENT_INVALID', segment: 1 });
    expect(readFileSync(path).equals(stream.bytes.subarray(0, segmentBytes))).toBe(true);
    const other = messageOf(stream.bytes.length).floe;
    const wrong = await through('output', path, () =>
      refusal(() => into(workspace(), { ...sealed, floe: other }, { extents: undefined })),
    );
    expect(wrong.code).toBe('SEGMENT_INVALID');
    expect(statSync(path).size).toBe(0);
  });

  it('follows no link that stands where a file of it should be', async () => {
    const directory = join(workspace(), 'out');
    mkdirSync(join(directory, 'd/g/h'), { recursive: true });
    symlinkSync(join(directory, '..', 'elsewhere'), join(directory, 'a'));
    await expect(into(directory, sealed)).rejects.toMatchObject({ code: 'ELOOP' });
    expect(existsSync(join(directory, '..', 'elsewhere'))).toBe(false);
  });
});

describe('sealing anew', () => {
  const rekey = async (path: string, job: Sealed) => {
    const next = messageOf(stream.bytes.length);
    writeFileSync(path, next.header);
    const during = control();
    const leaves = new LeafCollector(32);
    const { source, payload, tree } = job;
    await rekeySegments(
      {
        kind: 'rekey',
        source,
        payload,
        tree,
        floe: keysOf(job),
        next: { payload: next.payload, floe: next.floe },
        output: { kind: 'file', path },
      },
      during,
      (each) => {
        if ('indices' in each) leaves.add(each);
      },
      never,
    );
    return { next, leaves, done: during.done };
  };

  it('is the same under another key', async () => {
    const path = join(workspace(), 'out');
    const { next, leaves, done } = await rekey(path, sealed);
    expect(decrypted(next, readFileSync(path)).equals(stream.bytes)).toBe(true);
    expect(leaves.hashes(next.payload.segments)).toHaveLength(32 * next.payload.segments);
    expect(done).toBe(stream.bytes.length);
  });

  it('takes over no segment that is altered', async () => {
    const path = join(workspace(), 'out');
    const error = await refusal(() => rekey(path, sourceAt(altered(segmentAt(1) + 9))));
    expect(error).toMatchObject({ code: 'SEGMENT_INVALID', segment: 1 });
    expect(statSync(path).size).toBe(segmentAt(1));
  });
});

describe('a pipe', () => {
  const sealing = async (input: Uint8Array, more: object = {}, stop = false) => {
    const directory = workspace();
    const [from, to] = [join(directory, 'in'), join(directory, 'out')];
    writeFileSync(from, input);
    const message = messageOf(0);
    writeFileSync(to, message.header);
    const { hash, at } = message.payload;
    const leaves = new LeafCollector(32);
    let held: PipeReport | undefined;
    const during = control();
    if (stop) during.stop();
    const job = {
      kind: 'seal-pipe',
      payload: { hash, at, segmentBytes },
      floe: message.floe,
      output: { kind: 'file', path: to },
      digests: undefined,
      ...more,
    } as const;
    await through('input', from, () =>
      sealPipe(
        job,
        during,
        (each) => {
          if ('entries' in each) held = each;
          else if ('indices' in each) leaves.add(each);
        },
        never,
      ),
    );
    return { message, bytes: readFileSync(to), leaves, held, done: during.done };
  };

  it('is sealed byte for byte, with what the tar in it holds', async () => {
    const { message, bytes, leaves, held, done } = await sealing(stream.bytes);
    expect(decrypted(message, bytes).equals(stream.bytes)).toBe(true);
    expect(held).toMatchObject({ length: stream.bytes.length, segments: sealed.payload.segments });
    expect(held).not.toHaveProperty('digests');
    expect(held?.entries).toHaveLength(10);
    expect(leaves.hashes(sealed.payload.segments).length).toBeGreaterThan(0);
    expect(done).toBe(stream.bytes.length);
  });

  it('tells the digests of files if it is asked to', async () => {
    const { held } = await sealing(stream.bytes, { digests: {} });
    const expected = stream.files.map(({ offset, size }) => [
      createHash('sha256')
        .update(stream.bytes.subarray(offset, offset + size))
        .digest('hex'),
    ]);
    expect(held).toMatchObject({ digests: expected });
  });

  it('that ends with a segment has no empty one behind it', async () => {
    const whole = Buffer.concat([
      stream.bytes,
      Buffer.alloc(segmentBytes - (stream.bytes.length % segmentBytes)),
    ]);
    const { message, bytes, held } = await sealing(whole);
    expect(held).toMatchObject({ length: whole.length, segments: whole.length / segmentBytes });
    expect(decrypted(message, bytes).equals(whole)).toBe(true);
  });

  it.each([
    ['that is empty', Buffer.alloc(0), 'standard input: empty, and not a tar'],
    ['that is none', Buffer.alloc(9000, 'x'), 'not a tar'],
  ])('%s is refused', async (_, input, why) => {
    const { code, message } = await refusal(() => sealing(input));
    expect(code).toBe('TAR_INVALID');
    expect(message).toContain(why);
  });

  it('whose tar is cut off is refused at its end', async () => {
    const { code } = await refusal(() => sealing(stream.bytes.subarray(0, 3 * segmentBytes)));
    expect(code).toBe('TAR_INVALID');
  });

  it('is left alone when the work is stopped', async () => {
    const { bytes, held } = await sealing(stream.bytes, {}, true);
    expect(bytes).toHaveLength(floeHeaderBytes);
    expect(held).toBeUndefined();
  });

  const opening = async (
    input: Uint8Array,
    only?: readonly string[],
    floe: FloeState = keysOf(sealed),
  ) => {
    const directory = workspace();
    const from = join(directory, 'in');
    const stage = join(directory, 'stage');
    mkdirSync(stage);
    writeFileSync(from, input);
    const leaves = new LeafCollector(32);
    let held: PipeReport | undefined;
    const during = control();
    const { hash, at } = sealed.payload;
    const job = {
      kind: 'open-pipe',
      payload: { hash, at, segmentBytes },
      floe,
      directory: stage,
      only,
    } as const;
    const error = await through('input', from, () =>
      openPipe(job, during, (each) => {
        if ('entries' in each) held = each;
        else if ('indices' in each) leaves.add(each);
      }).catch((thrown: unknown) => thrown),
    );
    return { files: readFiles(stage), stage, held, leaves, error, done: during.done };
  };
  const segments = () => {
    const { at } = sealed.tree;
    return readFileSync(sealed.path).subarray(floeHeaderBytes, at);
  };

  it('is opened into files as it passes, with the leaves that it had', async () => {
    const { files, held, leaves, error, done, stage } = await opening(segments());
    expect(error).toBeUndefined();
    expect(Object.keys(files).sort()).toEqual([
      ...['a', 'b', 'c', 'd/', 'd/e', 'd/f', 'd/g/', 'd/g/h/', 'd/g/h/i', 'z/'],
    ]);
    for (const { path, offset, size } of stream.files) {
      const expected = stream.bytes.subarray(offset, offset + size).toString('latin1');
      expect(files[path]).toBe(expected);
    }
    expect(held).toMatchObject({ length: stream.bytes.length, segments: sealed.payload.segments });
    expect(leaves.hashes(sealed.payload.segments)).toHaveLength(32 * sealed.payload.segments);
    expect(done).toBe(stream.bytes.length);
    expect(statSync(join(stage, 'a')).mode & 0o111).toBe(0);
  });

  it('is opened for what is asked for, with the directories above it', async () => {
    const { files, held } = await opening(segments(), ['d/e', 'b']);
    expect(Object.keys(files).sort()).toEqual(['b', 'd/', 'd/e']);
    // What follows each of them is of no file: nothing of it may be in theirs
    for (const { path, offset, size } of stream.files) {
      if (!(path in files)) continue;
      const expected = stream.bytes.subarray(offset, offset + size).toString('latin1');
      expect(files[path]).toBe(expected);
    }
    expect(held?.entries).toHaveLength(10);
  });

  it.each<[string, (bytes: Buffer) => Uint8Array, string, number]>([
    ['ends within a segment', (bytes) => bytes.subarray(0, -1), 'TRUNCATED', -1],
    [
      'ends between two',
      (bytes) => bytes.subarray(0, 2 * (segmentBytes + segmentOverhead)),
      'TRUNCATED',
      2,
    ],
    ['is empty', (bytes) => bytes.subarray(0, 0), 'TRUNCATED', 0],
    [
      'has a byte that is another',
      (bytes) => {
        const copy = Buffer.from(bytes);
        copy[segmentBytes + segmentOverhead + 50] =
          (copy[segmentBytes + segmentOverhead + 50] ?? 0) ^ 1;
        return copy;
      },
      'SEGMENT_INVALID',
      1,
    ],
    [
      'states a segment too long',
      (bytes) => {
        const copy = Buffer.from(bytes);
        copy.writeUInt32BE(segmentBytes + segmentOverhead + 1, 0);
        return copy;
      },
      'SEGMENT_INVALID',
      0,
    ],
    [
      'states a segment too short',
      (bytes) => {
        const copy = Buffer.from(bytes);
        copy.writeUInt32BE(segmentOverhead - 1, 0);
        return copy;
      },
      'SEGMENT_INVALID',
      0,
    ],
  ])('that %s is refused', async (what, change, code, segment) => {
    const { error, held } = await opening(change(segments()));
    expect(error).toMatchObject({ code });
    if (segment >= 0) expect(error).toMatchObject({ segment });
    if (what.startsWith('states')) expect(String(error)).toContain('a length that is not allowed');
    expect(held).toBeUndefined();
  });

  it('whose tar has no directories is opened with those that its files are in', async () => {
    const { floe, segments: sparse } = written(tar(file('p/q/r', 'x'), file('p/s', 'y')));
    const { files, error } = await opening(sparse, undefined, floe);
    expect(error).toBeUndefined();
    expect(files).toEqual({ 'p/': '', 'p/q/': '', 'p/q/r': 'x', 'p/s': 'y' });
  });

  it.each([
    ['is cut off', () => stream.bytes.subarray(0, 3 * segmentBytes)],
    ['is none', () => Buffer.alloc(9000, 'x')],
  ])('whose tar %s is refused, whoever sealed it', async (_, tarOf) => {
    const { floe, segments: hostile } = written(tarOf());
    const { error, held } = await opening(hostile, undefined, floe);
    expect(error).toMatchObject({ code: 'TAR_INVALID' });
    expect(held).toBeUndefined();
  });
});

it('a sealed file that is cut off is refused where it ends', async () => {
  const path = join(workspace(), 'cut');
  writeFileSync(path, readFileSync(sealed.path));
  truncateSync(path, segmentAt(3));
  const { payload, tree } = sealed;
  const source = { kind: 'file', path } as const;
  const job = { kind: 'verify', source, payload, tree } as const;
  const { code } = await refusal(() => verifySegments(job, control(), undefined, never));
  expect(code).toBe('TRUNCATED');
});

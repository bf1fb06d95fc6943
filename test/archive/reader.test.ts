/** Steps 1 to 9 of reading, each with an archive that is right but for one thing; and segments. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { payloadOffset } from '#strongroom/archive/core.js';
import { encodeFooter, layFooter } from '#strongroom/archive/footer.js';
import { maxKeyringBytes, unlockKeyring } from '#strongroom/archive/keyring.js';
import {
  readFront,
  readKeyringFile,
  readSlots,
  readTrailer,
  unlock,
} from '#strongroom/archive/reader.js';
import {
  isFinal,
  PlaintextReader,
  SegmentReader,
  type SegmentRun,
} from '#strongroom/archive/segments.js';
import { eachPart, SegmentStream } from '#strongroom/archive/stream.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { floeHeaderBytes, segmentOverhead } from '#strongroom/crypto/floe.js';
import type { Source } from '#strongroom/engine/source.js';
import type { KeyState } from '#strongroom/keys/states.js';
import { refusal, unhandled } from '../keys/helpers.ts';
import {
  inMemory,
  noise,
  people,
  segmentBytes,
  trustWhile,
  workspace,
} from '../support/archive.ts';
import { assemble, forge, type Parts, partsOf, signStatement } from '../support/forge.ts';
import { member, tar } from '../support/tar.ts';

const who = people();
const access = { identity: who.reader, trust: who.trust };
const content = noise(5 * segmentBytes + 100);
const stream = tar(member(content, { name: 'a' }));
const entries = readTarEntries((at, length) => stream.subarray(at, at + length), stream.length);
const sealed = forge({ who, tar: stream, entries });
const parts = partsOf(sealed);
const opened = (bytes: Uint8Array, options: object = {}) =>
  unlock(inMemory(bytes), { ...access, ...options });

/** The statement of the seal with other members, signed again by the author. */
function restated(changes: object, more: Partial<Parts> = {}): Buffer {
  const envelope = JSON.parse(Buffer.from(parts.seal).toString());
  const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
  const predicate = { ...statement.predicate, ...changes };
  return assemble({
    ...parts,
    ...more,
    seal: signStatement({ ...statement, predicate }, who.author),
  });
}

describe('an archive', () => {
  it('is read by a recipient', async () => {
    const archive = await opened(sealed);
    expect(archive).toMatchObject({ author: who.author.card, grantedBy: who.author.card });
    expect(archive.manifest).toEqual({ entries, length: stream.length });
    const { messageKey } = archive.floe;
    expect(messageKey.some((byte) => byte !== 0)).toBe(true);
    archive.wipe();
    expect(messageKey.every((byte) => byte === 0)).toBe(true);
  });

  it.each<[string, () => Uint8Array, string, string]>([
    ['that is empty', () => new Uint8Array(), 'NOT_AN_ARCHIVE', ''],
    ['that ends within its slots', () => sealed.subarray(0, 9000), 'TRUNCATED', 'ends before'],
    ['that ends behind its slots', () => sealed.subarray(0, -1), 'TRUNCATED', ''],
    [
      'with bytes behind it',
      () => Buffer.concat([sealed, noise(500)]),
      'TRAILING_BYTES',
      '500 bytes follow',
    ],
    [
      'with more bytes behind it than a footer is looked for in',
      () => Buffer.concat([sealed, noise(100_000)]),
      'TRAILING_BYTES',
      '100000 bytes follow',
    ],
    [
      'whose payload is shorter than the seal says',
      () => restated({ payload: { length: stream.length + 1, segments: 6 } }),
      'SEAL_MISMATCH',
      'the regions are not as long',
    ],
    [
      'whose tree is longer than the seal asks for',
      () => assemble({ ...parts, tiles: Buffer.concat([parts.tiles, noise(32)]) }),
      'SEAL_MISMATCH',
      'the regions are not as long',
    ],
    [
      'whose manifest is shorter than the seal says',
      () => assemble({ ...parts, manifest: parts.manifest.subarray(1) }),
      'SEAL_MISMATCH',
      'the regions are not as long',
    ],
    [
      'whose manifest is another',
      () => assemble({ ...parts, manifest: noise(parts.manifest.length) }),
      'MANIFEST_INVALID',
      'not the one that was sealed',
    ],
    [
      'whose payload begins otherwise',
      () => {
        const payload = new Uint8Array(parts.payload);
        payload[20] = (payload[20] ?? 0) ^ 1;
        return assemble({ ...parts, payload });
      },
      'PAYLOAD_INVALID',
      'the payload begins otherwise than sealed',
    ],
    [
      'whose key ring and seal are of different keys',
      () => restated({ commit: Buffer.alloc(48).toString('base64') }),
      'SEAL_MISMATCH',
      'commit to different keys',
    ],
  ])('%s is refused', async (_, bytes, code, why) => {
    const error = await refusal(() => opened(bytes()));
    expect(error.message).toContain(why);
    expect(error.code).toBe(code);
  });

  it('with a seal longer than any is refused before it is read', async () => {
    const { core, payload, manifest, tiles } = parts;
    const end = 4096 + 2 * core.slotBytes + payload.length;
    const lengths = { manifest: manifest.length, tiles: tiles.length, seal: 2 ** 20 + 1 };
    const footer = layFooter(end, lengths);
    const bytes = Buffer.alloc(footer.archiveBytes);
    bytes.set(encodeFooter(footer, core), bytes.length - 64);
    const error = await refusal(() => readTrailer(inMemory(bytes), core));
    expect(error.code).toBe('FOOTER_INVALID');
    expect(error.message).toContain('a seal that is too long');
  });

  it('is not opened by whoever has no key, or trusts nobody', async () => {
    const stranger = await refusal(() => opened(sealed, { identity: who.stranger }));
    expect(stranger.code).toBe('NO_KEY_FITS');
    const trust = { ...who.trust, entries: [] };
    expect((await refusal(() => opened(sealed, { trust }))).code).toBe('KEYRING_UNTRUSTED');
  });
});

describe('whoever opens it', () => {
  const author = { card: who.author.card, roles: ['author'] } as const;
  const opening = (state: KeyState, identity: object = who.reader) =>
    opened(sealed, {
      identity,
      trust: { entries: [author, ...trustWhile(state, who.reader.card).entries] },
    });

  it('has a key that may still open, if it is an identity', async () => {
    expect((await refusal(() => opening('destroyed'))).code).toBe('KEY_STATE');
    expect((await opening('deactivated')).author).toBe(who.author.card);
  });

  it('may be whoever has the file key, without one', async () => {
    const { fileKey } = await unlockKeyring(
      (await readFront(inMemory(sealed))).ring,
      parts.core,
      who.reader,
      'archive',
    );
    expect((await opening('destroyed', { fileKey })).author).toBe(who.author.card);
  });
});

describe('a detached key ring', () => {
  it('takes the place of the one inside', async () => {
    const { ring } = await readFront(inMemory(sealed));
    const path = join(workspace(), 'ring');
    writeFileSync(path, ring.bytes);
    const damaged = new Uint8Array(sealed);
    damaged.fill(0xff, 4096, 8192);
    expect((await refusal(() => opened(damaged))).code).toBe('KEYRING_INVALID');
    expect((await opened(damaged, { keyring: path })).ring).toEqual(ring);
  });

  it('is read up to the longest there is', async () => {
    const path = join(workspace(), 'ring');
    writeFileSync(path, Buffer.alloc(maxKeyringBytes, 0x20));
    expect(await readKeyringFile(path)).toHaveLength(maxKeyringBytes);
    writeFileSync(path, Buffer.alloc(maxKeyringBytes + 1, 0x20));
    const error = await refusal(() => readKeyringFile(path));
    expect(error.code).toBe('KEYRING_INVALID');
    expect(error.message).toContain('too long for a key ring');
    mkdirSync(join(path, '..', 'directory'));
    const system = await refusal(() => readKeyringFile(join(path, '..', 'none')));
    expect(system.code).toBe('NOT_FOUND');
  });
});

describe('slots', () => {
  /** A source whose slots are each time the next of `states`. */
  const changing = (...states: readonly Uint8Array[]): Source & { reads: number } => ({
    ...inMemory(sealed),
    reads: 0,
    readAt(buffer, offset) {
      const bytes = states[Math.min(this.reads++, states.length - 1)] as Uint8Array;
      buffer.set(bytes.subarray(offset, offset + buffer.length));
      return buffer.length;
    },
  });
  const broken = (seed: number) => {
    const bytes = new Uint8Array(sealed);
    bytes.set(noise(100, seed), 4096 + 200);
    return bytes;
  };

  it('that a writer is at are read once more, until they hold or stand still', async () => {
    const whole = changing(broken(1), broken(2), sealed);
    const { slot, slots, ring } = await readSlots(whole, parts.core);
    expect([slot, whole.reads]).toEqual([0, 3]);
    expect(slots[0]).toEqual(new Uint8Array(parts.slotA));
    expect(slots[1]).toEqual(new Uint8Array(parts.slotB));
    expect(ring).not.toHaveProperty('slot');
    const still = changing(broken(1), broken(2), broken(2));
    expect((await refusal(() => readSlots(still, parts.core))).code).toBe('KEYRING_INVALID');
    expect(still.reads).toBe(3);
  });
});

describe('segments', () => {
  const full = segmentBytes + segmentOverhead;
  /** Where the first of them lies. */
  const firstAt = payloadOffset(parts.core) + floeHeaderBytes;
  /** A reader of an archive, over a source that may read ahead. */
  async function readers(bytes: Uint8Array = sealed, more: Partial<Source> = {}) {
    const source = { ...inMemory(bytes), ...more };
    const { trailer, floe } = await opened(sealed);
    const { payload, tree } = trailer;
    return { payload, floe, segments: await SegmentReader.open(source, payload, tree) };
  }
  const ranges: readonly (readonly [offset: number, size: number])[] = [
    [0, 0],
    [0, 1],
    [0, segmentBytes],
    [1, segmentBytes],
    [segmentBytes - 1, 2],
    [segmentBytes, segmentBytes],
    [100, 3 * segmentBytes],
    [0, stream.length],
    [stream.length - 1, 1],
    [stream.length - segmentBytes, segmentBytes],
  ];

  it.each([1, 2, 4])('give any range of the plaintext, keeping %i of them', async (keep) => {
    const { payload, floe, segments } = await readers();
    const reader = new PlaintextReader(payload, segments, floe, keep);
    expect(reader.length).toBe(stream.length);
    for (const [offset, size] of [...ranges, ...ranges.toReversed()]) {
      const into = new Uint8Array(size);
      expect(await reader.readAt(into, offset)).toBe(size);
      expect(Buffer.from(into)).toEqual(Buffer.from(stream.subarray(offset, offset + size)));
    }
    const beyond = new Uint8Array(100);
    expect(await reader.readAt(beyond, stream.length - 10)).toBe(10);
    expect(await reader.readAt(beyond, stream.length)).toBe(0);
    expect(await reader.readAt(beyond, stream.length + 10)).toBe(0);
  });

  it.each([
    ['one by one', {}],
    [
      'two ahead, three at a time',
      { ahead: { bytes: 3 * (segmentBytes + segmentOverhead) - 1, reads: 2 } },
    ],
    ['all ahead', { ahead: { bytes: 2 ** 20, reads: 1 } }],
  ])('give any range in parts that are the caller’s: %s', async (_, more) => {
    const { payload, floe, segments } = await readers(sealed, more);
    for (const [offset, size] of ranges) {
      const given: Uint8Array[] = [];
      await eachPart(segments, payload, floe, { offset, size }, (part) => {
        given.push(part);
      });
      const expected = stream.subarray(offset, offset + size);
      expect(Buffer.concat(given)).toEqual(Buffer.from(expected));
    }
  });

  /** A source that notes which segments it is read from, and how many bytes at once. */
  function noting(more: Partial<Source> = {}) {
    const source = inMemory(sealed);
    const reads: [index: number, bytes: number][] = [];
    const readAt = (buffer: Uint8Array, offset: number) => {
      const index = (offset - firstAt) / full;
      if (Number.isInteger(index) && index >= 0) reads.push([index, buffer.length]);
      return source.readAt(buffer, offset);
    };
    return { reads, more: { ...more, readAt } };
  }

  it.each<[keep: number, read: readonly number[]]>([
    [1, [0, 1, 0, 1, 2, 0]],
    [2, [0, 1, 2, 0]],
    [3, [0, 1, 2]],
  ])('are kept, so many as are asked for: %i', async (keep, expected) => {
    const { reads, more } = noting();
    const { payload, floe, segments } = await readers(sealed, more);
    const reader = new PlaintextReader(payload, segments, floe, keep);
    for (const index of [0, 0, 1, 0, 1, 2, 0]) {
      const one = new Uint8Array(1);
      await reader.readAt(one, index * segmentBytes);
      expect(one[0]).toBe(stream[index * segmentBytes]);
    }
    expect(reads.map(([index]) => index)).toEqual(expected);
  });

  it('are read ahead in runs, into two buffers that are wiped at the end', async () => {
    const { reads, more } = noting({ ahead: { bytes: 2 * full, reads: 1 } });
    const { segments } = await readers(sealed, more);
    const wanted = [0, 1, 2, 4, 5];
    const passing = new SegmentStream(segments, (most) => wanted.splice(0, most));
    const given: Uint8Array[] = [];
    const after: number[] = [];
    for (let next = await passing.next(); next !== undefined; next = await passing.next()) {
      given.push(next.segment);
      after.push(reads.length);
    }
    // What is claimed at once and does not lie together is no run
    const last = segmentOverhead + (stream.length % segmentBytes);
    expect(reads).toEqual([
      [0, 2 * full],
      [2, full],
      [4, full],
      [5, last],
    ]);
    expect(after).toEqual([2, 2, 3, 4, 4]);
    expect(new Set(given.map(({ buffer }) => buffer)).size).toBe(2);
    passing.close();
    for (const segment of given) expect(segment.every((byte) => byte === 0)).toBe(true);
  });

  it('that fail to be read, and nobody waits for, harm nobody', async () => {
    const { segments } = await readers(sealed, {
      readAt: (buffer, offset) =>
        offset === firstAt
          ? Promise.reject(new Error('away'))
          : inMemory(sealed).readAt(buffer, offset),
    });
    let run: SegmentRun | undefined;
    const found = await unhandled(async () => {
      run = segments.run(0, 1, segments.bufferFor(1));
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
    });
    expect(found).toEqual([]);
    await expect(run?.take(0)).rejects.toThrow('away');
  });

  it('end with the last one', async () => {
    const { payload } = await readers();
    const all = Array.from({ length: payload.segments }, (_, i) => isFinal(payload, i));
    expect(all).toEqual([...Array(payload.segments - 1).fill(false), true]);
  });

  it.each([{}, { ahead: { bytes: 2 ** 20, reads: 1 } }])(
    'are held against the root before a byte of them comes out: %j',
    async (more) => {
      const bytes = new Uint8Array(sealed);
      const at = firstAt + 2 * full;
      bytes[at + 7] = (bytes[at + 7] ?? 0) ^ 1;
      const { payload, floe, segments } = await readers(bytes, more);
      const given: Uint8Array[] = [];
      const whole = { offset: 0, size: stream.length };
      const error = await refusal(() =>
        eachPart(segments, payload, floe, whole, (part) => {
          given.push(part);
        }),
      );
      expect(error).toMatchObject({ code: 'SEGMENT_INVALID', segment: 2 });
      expect(Buffer.concat(given)).toEqual(Buffer.from(stream.subarray(0, 2 * segmentBytes)));
      const reader = new PlaintextReader(payload, segments, floe);
      const one = new Uint8Array(1);
      expect((await refusal(() => reader.readAt(one, 3 * segmentBytes - 1))).code).toBe(
        'SEGMENT_INVALID',
      );
      expect(await reader.readAt(one, 3 * segmentBytes)).toBe(1);
    },
  );

  it.each([{}, { ahead: { bytes: 2 ** 20, reads: 1 } }])(
    'that the source ends in are told as cut off: %j',
    async (more) => {
      const end = firstAt + 3 * (segmentBytes + segmentOverhead) - 1;
      const source = inMemory(sealed);
      const cut = {
        ...more,
        readAt: (buffer: Uint8Array, offset: number) => {
          const read = source.readAt(buffer, offset) as number;
          // The tree, which lies behind, is still there
          return offset > end ? read : Math.min(read, end - offset);
        },
      };
      const { payload, floe, segments } = await readers(sealed, cut);
      const part = { offset: 2 * segmentBytes, size: 1 };
      const error = await refusal(() => eachPart(segments, payload, floe, part, () => {}));
      expect(error).toMatchObject({ code: 'TRUNCATED', segment: 2 });
    },
  );
});

/** The last 64 bytes of an archive: what they tell, and which are refused. */
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { decodeFooter, encodeFooter, hasFooter, layFooter } from '#strongroom/archive/footer.js';
import { suites } from '#strongroom/crypto/suites.js';
import { outcome } from '../support/archive.ts';

const fields = {
  suite: suites.cnsa2,
  segmentBytes: 4096,
  slotBytes: 4096,
  authors: ['11'.repeat(32)],
};
const core = createCore(fields);
const footer = layFooter(20_000, { manifest: 300, tiles: 50, seal: 7 });
const bytes = encodeFooter(footer, core);
const size = footer.archiveBytes;
const before = (count: number) => Buffer.concat([Buffer.alloc(count, 1), bytes]);
const decoded = (tail: Uint8Array, length = size, of = core) =>
  outcome(() => decodeFooter(tail, of, length, 'archive'));
const with64 = (at: number, value: bigint) => {
  const out = Buffer.from(bytes);
  out.writeBigUInt64BE(value, at);
  return out;
};

it('tells where everything is', () => {
  expect(footer).toEqual({
    manifestAt: 20_000,
    manifestBytes: 300,
    tilesAt: 20_300,
    tilesBytes: 50,
    sealAt: 20_350,
    sealBytes: 7,
    archiveBytes: 20_421,
  });
  expect(decodeFooter(bytes, core, size, 'archive')).toEqual(footer);
  expect(decodeFooter(before(1000), core, size, 'archive')).toEqual(footer);
});

it('is looked for anywhere, to tell what is no archive', () => {
  expect(hasFooter(bytes)).toBe(true);
  expect(hasFooter(Buffer.concat([before(5), Buffer.alloc(9)]))).toBe(true);
  expect(hasFooter(bytes.subarray(1))).toBe(false);
});

describe('is refused', () => {
  it.each([
    ['nothing', Buffer.of(), size, 'TRUNCATED'],
    ['its last byte missing', bytes.subarray(0, 63), size - 1, 'TRUNCATED'],
    ['its first byte missing', bytes.subarray(1), size - 1, 'TRUNCATED'],
    ['the half of it', bytes.subarray(0, 32), size - 32, 'TRUNCATED'],
    ['no footer', Buffer.alloc(1000), size, 'TRUNCATED'],
    ['a byte missing before it', before(100), size - 1, 'TRUNCATED'],
    ['a byte more before it', before(100), size + 1, 'TRAILING_BYTES'],
    ['a byte behind it', Buffer.concat([bytes, Buffer.of(0)]), size + 1, 'TRAILING_BYTES'],
    // As if it had the right length, with its last 64 bytes replaced
    [
      'one that is not at the end',
      Buffer.concat([bytes, Buffer.alloc(64)]),
      size,
      'FOOTER_INVALID',
    ],
    ['a length of 2^53', with64(16, 2n ** 53n), size, 'FOOTER_INVALID'],
    ['another length of all', with64(40, BigInt(size - 1)), size - 1, 'FOOTER_INVALID'],
    ['another length of the tiles', with64(24, 51n), size, 'FOOTER_INVALID'],
  ] as const)('with %s', async (_, tail, length, code) => {
    expect(await decoded(tail, length)).toBe(code);
  });

  it('with the id of another archive', async () => {
    expect(await decoded(bytes, size, createCore(fields))).toBe('SEAL_MISMATCH');
  });
});

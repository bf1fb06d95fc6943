/** The first 4096 bytes of an archive: what is in them, and which are refused. */
import { describe, expect, it } from 'vitest';
import {
  createCore,
  decodeCore,
  limits,
  payloadOffset,
  slotOffsets,
} from '#strongroom/archive/core.js';
import { concat } from '#strongroom/bytes.js';
import { sha384 } from '#strongroom/crypto/hash.js';
import { suites } from '#strongroom/crypto/suites.js';
import { outcome } from '../support/archive.ts';

const fields = {
  suite: suites.hybrid,
  segmentBytes: 8192,
  slotBytes: 12_288,
  authors: ['11'.repeat(32), '22'.repeat(32)],
};
const core = createCore(fields);
const changed = (change: (view: DataView) => void) => {
  const bytes = core.bytes.slice();
  change(new DataView(bytes.buffer));
  return bytes;
};
const decoded = (bytes: Uint8Array) => outcome(() => decodeCore(bytes, 'archive'));

describe.each([
  ['hybrid', fields],
  ['cnsa2', { ...fields, suite: suites.cnsa2, authors: ['33'.repeat(32)] }],
] as const)('a core of %s', (_, given) => {
  it('holds what it was made of, whatever follows it', () => {
    const made = createCore(given);
    const found = decodeCore(concat(made.bytes, Uint8Array.of(1, 2)), 'archive');
    expect(found).toEqual(made);
    expect(found).toMatchObject(given);
    expect(found.hash).toEqual(sha384(made.bytes));
    expect(Buffer.from(found.archiveId)).toEqual(Buffer.from(made.bytes.subarray(12, 44)));
    expect(createCore(given).archiveId).not.toEqual(made.archiveId);
  });
});

it('stays as it was read when the buffer it was read from serves again', () => {
  const buffer = Buffer.from(core.bytes);
  const found = decodeCore(buffer, 'archive');
  buffer.fill(0);
  expect(found).toEqual(core);
});

it('says where slots and payload begin', () => {
  expect(slotOffsets(core)).toEqual([4096, 16_384]);
  expect(payloadOffset(core)).toBe(28_672);
});

describe('is refused', () => {
  it.each(Array.from({ length: 8 }, (_, i) => i))(
    'with another byte %i of its magic',
    async (i) => {
      const bytes = changed((view) => view.setUint8(i, view.getUint8(i) ^ 1));
      expect(await decoded(bytes)).toBe('NOT_AN_ARCHIVE');
    },
  );

  it.each([
    ['no bytes', 0, 'NOT_AN_ARCHIVE'],
    ['a part of its magic', 7, 'NOT_AN_ARCHIVE'],
    ['its magic alone', 8, 'TRUNCATED'],
    ['all but its last byte', 4095, 'TRUNCATED'],
  ] as const)('as %s', async (_, length, code) => {
    expect(await decoded(core.bytes.subarray(0, length))).toBe(code);
  });

  it.each([
    ['version 0', (view: DataView) => view.setUint16(8, 0), 'VERSION_UNSUPPORTED'],
    ['version 2', (view: DataView) => view.setUint16(8, 2), 'VERSION_UNSUPPORTED'],
    ['suite 0', (view: DataView) => view.setUint8(10, 0), 'SUITE_UNKNOWN'],
    ['suite 3', (view: DataView) => view.setUint8(10, 3), 'SUITE_UNKNOWN'],
    ['a flag', (view: DataView) => view.setUint8(11, 1), 'CORE_INVALID'],
    ['a byte behind its authors', (view: DataView) => view.setUint8(116, 1), 'CORE_INVALID'],
    ['another last byte', (view: DataView) => view.setUint8(4095, 1), 'CORE_INVALID'],
  ] as const)('with %s', async (_, change, code) => {
    expect(await decoded(changed(change))).toBe(code);
  });

  it('with a second author of a suite that has one', async () => {
    const bytes = changed((view) => view.setUint8(10, suites.cnsa2.id));
    expect(await decoded(bytes)).toBe('CORE_INVALID');
  });
});

describe('has bounds', () => {
  const { segmentBytes, slotBytes } = limits;
  it.each([
    [44, segmentBytes.least, 'accepted'],
    [44, segmentBytes.most, 'accepted'],
    [44, 0, 'CORE_INVALID'],
    [44, segmentBytes.least / 2, 'CORE_INVALID'],
    [44, segmentBytes.least + 4096 / 2, 'CORE_INVALID'],
    [44, segmentBytes.most * 2, 'CORE_INVALID'],
    [48, slotBytes.least, 'accepted'],
    [48, slotBytes.most, 'accepted'],
    [48, 0, 'CORE_INVALID'],
    [48, slotBytes.least + 1, 'CORE_INVALID'],
    [48, slotBytes.most + 4096, 'CORE_INVALID'],
  ] as const)('at %i: %i is %s', async (at, value, code) => {
    expect(await decoded(changed((view) => view.setUint32(at, value)))).toBe(code);
  });
});

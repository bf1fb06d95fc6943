import { expect, it } from 'vitest';
import { concat, utf8 } from '#strongroom/bytes.js';
import {
  decodeBundle,
  hashesAt,
  maxEntryBytes,
  tilePath,
  tilePathOf,
  widthIn,
} from '#strongroom/provenance/ledger/tiles.js';
import { bundleOf } from './helpers.ts';

it('names tiles as the specification does', () => {
  expect(tilePath(0, 0)).toBe('tile/0/000');
  expect(tilePath(0, 1234067)).toBe('tile/0/x001/x234/067');
  expect(tilePath('entries', 999)).toBe('tile/entries/999');
  expect(tilePath(3, 1000)).toBe('tile/3/x001/000');
  expect(tilePathOf(1, 5, 256)).toBe('tile/1/005');
  expect(tilePathOf('entries', 1000, 255)).toBe('tile/entries/x001/000.p/255');
});

it('has the tiles of the example: a tree of 70,000', () => {
  const widths = [0, 1, 2, 3].map((level) => {
    const count = hashesAt(70_000, level);
    return [Math.floor(count / 256), widthIn(70_000, level, Math.floor(count / 256))];
  });
  expect(widths).toEqual([
    [273, 112],
    [1, 17],
    [0, 1],
    [0, 0],
  ]);
  expect([0, 1].map((level) => widthIn(256, level, 0))).toEqual([256, 1]);
  expect(widthIn(256, 0, 1)).toBe(0);
});

it('reads bundles back, and refuses what is none', () => {
  const entries = [utf8(''), utf8('a'), new Uint8Array(maxEntryBytes).fill(7)];
  const bundle = bundleOf(entries);
  expect(bundle.length).toBe(3 * 2 + 1 + maxEntryBytes);
  expect(decodeBundle(bundle, 3)).toEqual(entries);
  expect(decodeBundle(bundle, 2)).toBeUndefined();
  expect(decodeBundle(bundle, 2, true)).toEqual(entries.slice(0, 2));
  expect(decodeBundle(bundle, 4)).toBeUndefined();
  expect(decodeBundle(bundle.subarray(0, -1), 3)).toBeUndefined();
  expect(decodeBundle(concat(bundle, Uint8Array.of(0)), 4)).toBeUndefined();
  expect(decodeBundle(concat(bundle, Uint8Array.of(0)), 3)).toBeUndefined();
});

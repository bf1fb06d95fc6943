/** How large the slots of an archive are made, for the key ring it begins with. */
import { describe, expect, it } from 'vitest';
import { limits } from '#strongroom/archive/core.js';
import { slotBytesOf, usualSlotBytes } from '#strongroom/archive/room.js';
import { slotHeadBytes } from '#strongroom/archive/slots.js';
import { refusal } from '../keys/helpers.ts';

const { usual, most } = limits.slotBytes;

describe('a slot', () => {
  it.each([
    ['a small key ring', 1000, usual],
    ['one that takes a quarter', usual / 4 - slotHeadBytes, usual],
    ['one byte more', usual / 4 - slotHeadBytes + 1, 2 * usual],
    ['one of 10 MB', 10_000_000, 2 ** 26],
    ['the longest', 2 ** 26, most],
  ])('has room for four times %s', (_, ringBytes, slotBytes) => {
    expect(usualSlotBytes(ringBytes)).toBe(slotBytes);
  });

  // A reason has 1024 characters, of which JSON makes six each at worst
  const spare = 6 * 1024 + 2 * slotHeadBytes;
  it.each([
    [4096 - spare, 4096],
    [8192 - spare, 8192],
    [8193 - spare, 12_288],
    [most - spare, most],
  ])('as asked for: a ring of %i bytes and any reason fits into %i', (ringBytes, slotBytes) => {
    expect(slotBytesOf(ringBytes)).toBe(slotBytes);
  });

  it('is never larger than the format allows', async () => {
    const { code, hint } = await refusal(() => slotBytesOf(most - spare + 1));
    expect(code).toBe('USAGE');
    expect(hint).toBe('grant access by detached key rings');
  });
});

import { describe, expect, it } from 'vitest';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { isStrongroomError } from '#strongroom/errors.js';
import { hostileTars, soundTars } from '../../tables/tars.ts';

describe.each(Object.entries(hostileTars))('hostile tars: %s', (_, cases) => {
  it.each(cases)('%s', (_name, bytes, code, message) => {
    let read = 0;
    const readAt = (offset: number, length: number) => {
      expect(offset + length).toBeLessThanOrEqual(bytes.length);
      read += length;
      return bytes.subarray(offset, offset + length);
    };
    const act = () => readTarEntries(readAt, bytes.length);
    expect(act).toThrow(message);
    try {
      act();
    } catch (error) {
      if (!isStrongroomError(error)) throw error;
      expect(error.code).toBe(code);
      expect(error.message).not.toMatch(/\p{Control}/u);
      if (code === 'TAR_INVALID') expect(error.offset).toBeGreaterThanOrEqual(0);
    }
    expect(read).toBeLessThanOrEqual(2 * bytes.length);
  });
});

it('tells what to give instead of something that is not a tar', () => {
  const bytes = Buffer.alloc(512, 'x');
  expect(() => readTarEntries(() => bytes, 512)).toThrow(
    expect.objectContaining({ hint: 'give an uncompressed tar, or a directory or file as it is' }),
  );
});

it.each(soundTars)('takes a tar with %s', (_, bytes) => {
  const readAt = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  expect(readTarEntries(readAt, bytes.length).length).toBeGreaterThan(0);
});

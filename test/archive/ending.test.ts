/** What follows an archive: found as far back as it is looked for, and only if it is its own. */
import { describe, expect, it } from 'vitest';
import { createCore } from '#strongroom/archive/core.js';
import { assertNothingFollows } from '#strongroom/archive/ending.js';
import { encodeFooter, footerBytes, layFooter } from '#strongroom/archive/footer.js';
import { suites } from '#strongroom/crypto/suites.js';
import { keptSource } from '#strongroom/engine/source.js';
import { refusal } from '../keys/helpers.ts';
import { noise } from '../support/archive.ts';

const fields = {
  suite: suites.hybrid,
  segmentBytes: 4096,
  slotBytes: 32768,
  authors: ['11'.repeat(32), '22'.repeat(32)],
};
const core = createCore(fields);
const footer = encodeFooter(layFooter(100, { manifest: 90, tiles: 0, seal: 10 }), core);
const looked = (...parts: readonly Uint8Array[]) => {
  const bytes = Buffer.concat(parts);
  return assertNothingFollows(keptSource('archive', bytes.length, [{ at: 0, bytes }]), core);
};

describe('a footer', () => {
  const chunk = 2 ** 20;
  it.each([
    0,
    1,
    footerBytes - 1,
    footerBytes,
    chunk - footerBytes - 1,
    chunk - footerBytes,
    chunk - footerBytes + 1,
    chunk - 1,
    chunk,
    chunk + 1,
    3 * chunk - 7,
  ])('is found before %i bytes that follow', async (after) => {
    for (const before of [0, 1, 5000]) {
      const error = await refusal(() => looked(noise(before), footer, noise(after)));
      expect(error.code).toBe('TRAILING_BYTES');
      expect(error.message).toBe(`archive: ${after} bytes follow its end`);
      expect(error.offset).toBe(before);
    }
  });

  it('is found behind others, of other archives', async () => {
    const others = Array.from({ length: 3 }, () => {
      const other = createCore(fields);
      return encodeFooter(layFooter(100, { manifest: 90, tiles: 0, seal: 10 }), other);
    });
    const error = await refusal(() => looked(noise(10), footer, ...others));
    expect(error).toMatchObject({ code: 'TRAILING_BYTES', offset: 10 });
    await looked(noise(10), ...others);
    await looked(...others);
  });

  it('that is not whole is none', async () => {
    await looked(noise(100), footer.subarray(0, -1));
    await looked(footer.subarray(1), noise(100));
    await looked();
  });
});

import type { TarLayout } from '#strongroom/archive/tar/layout.js';

/** Stands for file bytes: not zero, so that none passes for padding. */
const fileByte = 0xaa;

/** Reads any part of the tar that a layout describes, every file byte being `fileByte`. */
export function readLayout({ literals }: TarLayout) {
  const { bytes, at, from, lengths } = literals;
  return (offset: number, length: number): Uint8Array => {
    const out = new Uint8Array(length).fill(fileByte);
    let low = 0;
    for (let high = at.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if ((at[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    for (let index = low; index < at.length; index++) {
      const start = (at[index] ?? 0) - offset;
      if (start >= length) break;
      const skip = Math.max(0, -start);
      const count = Math.min((lengths[index] ?? 0) - skip, length - Math.max(0, start));
      if (count <= 0) continue;
      const begin = (from[index] ?? 0) + skip;
      out.set(bytes.subarray(begin, begin + count), Math.max(0, start));
    }
    return out;
  };
}

/** The footer: the last 64 bytes, from which the trailer is found (docs/format.md, "Footer"). */
import { equal, readU64, utf8, viewOf } from '../bytes.ts';
import { StrongroomError } from '../errors.ts';
import type { Core } from './core.ts';

export const footerBytes = 64;

export const footerMagic = utf8('SRMTAIL\n');
/** Where in a footer the archive id begins. */
export const archiveIdAt = 48;

const field = {
  manifestAt: 8,
  manifest: 16,
  tiles: 24,
  seal: 32,
  archive: 40,
  archiveId: archiveIdAt,
} as const;

/** Offsets and lengths in bytes. */
export interface Footer {
  readonly manifestAt: number;
  readonly manifestBytes: number;
  readonly tilesAt: number;
  readonly tilesBytes: number;
  readonly sealAt: number;
  readonly sealBytes: number;
  readonly archiveBytes: number;
}

/** The footer that follows regions of these lengths. */
export function layFooter(
  manifestAt: number,
  lengths: { readonly manifest: number; readonly tiles: number; readonly seal: number },
): Footer {
  const tilesAt = manifestAt + lengths.manifest;
  const sealAt = tilesAt + lengths.tiles;
  return {
    manifestAt,
    manifestBytes: lengths.manifest,
    tilesAt,
    tilesBytes: lengths.tiles,
    sealAt,
    sealBytes: lengths.seal,
    archiveBytes: sealAt + lengths.seal + footerBytes,
  };
}

export function encodeFooter(footer: Footer, core: Core): Uint8Array {
  const bytes = new Uint8Array(footerBytes);
  const view = viewOf(bytes);
  const set = (at: number, value: number) => view.setBigUint64(at, BigInt(value));
  bytes.set(footerMagic);
  set(field.manifestAt, footer.manifestAt);
  set(field.manifest, footer.manifestBytes);
  set(field.tiles, footer.tilesBytes);
  set(field.seal, footer.sealBytes);
  set(field.archive, footer.archiveBytes);
  bytes.set(core.archiveId.subarray(0, 16), field.archiveId);
  return bytes;
}

/** How much of an archive's end `decodeFooter` wants to see, to tell what is wrong with it. */
export const tailBytes = 65536;

/** Whether there is a footer in the last bytes of a file, be it where it belongs or not. */
export const hasFooter = (tail: Uint8Array): boolean =>
  Buffer.from(tail.buffer, tail.byteOffset, tail.length).lastIndexOf(footerMagic) >= 0;

/**
 * @param tail the last bytes of the file, `tailBytes` of them or all; `size` its length.
 * @throws StrongroomError TRUNCATED, TRAILING_BYTES, FOOTER_INVALID, SEAL_MISMATCH.
 */
export function decodeFooter(tail: Uint8Array, core: Core, size: number, name: string): Footer {
  const last = Math.max(0, tail.length - footerBytes);
  // Where it belongs; elsewhere only to tell what is wrong.
  const found = equal(tail.subarray(last, last + footerMagic.length), footerMagic)
    ? last
    : Buffer.from(tail.buffer, tail.byteOffset, tail.length).lastIndexOf(footerMagic);
  const at = { file: name, offset: Math.max(0, size - tail.length + found) };
  if (found < 0 || found + footerBytes > tail.length) {
    throw new StrongroomError(
      'TRUNCATED',
      `${name}: does not end with a footer, so it is cut short, or much follows its end`,
      at,
    );
  }
  const bytes = tail.subarray(found, found + footerBytes);
  const invalid = (what: string) => new StrongroomError('FOOTER_INVALID', `${name}: ${what}`, at);
  const number = (offset: number) => {
    const value = readU64(bytes, offset);
    if (value === undefined) throw invalid('a length in the footer is out of range');
    return value;
  };
  const footer = layFooter(number(field.manifestAt), {
    manifest: number(field.manifest),
    tiles: number(field.tiles),
    seal: number(field.seal),
  });
  if (number(field.archive) !== footer.archiveBytes) {
    throw invalid('the lengths in the footer do not add up');
  }
  const missing = footer.archiveBytes - size;
  if (missing > 0) {
    throw new StrongroomError('TRUNCATED', `${name}: ${missing} bytes are missing`, at);
  }
  if (missing < 0) {
    throw new StrongroomError('TRAILING_BYTES', `${name}: ${-missing} bytes follow its end`, at);
  }
  // What looks like a footer elsewhere, as in a slot that nobody reads, is none
  if (found !== last) throw invalid('the last 64 bytes are not its footer');
  if (!equal(bytes.subarray(field.archiveId), core.archiveId.subarray(0, 16))) {
    throw new StrongroomError('SEAL_MISMATCH', `${name}: the trailer is of another archive`, at);
  }
  return footer;
}

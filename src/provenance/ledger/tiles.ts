/**
 * Tiles and entry bundles: how a log's tree and entries lie in files.
 *
 * c2sp.org/tlog-tiles
 */
import { viewOf } from '../../bytes.ts';
import { hashBytes } from './merkle.ts';

/** Hashes in a full tile, and entries in a full bundle. */
export const tileWidth = 256;
export const fullTileBytes = tileWidth * hashBytes;

export const maxEntryBytes = 65_535;
const lengthBytes = 2;
export const maxBundleBytes = tileWidth * (lengthBytes + maxEntryBytes);

/** Whether a file holds entries or the hashes of a level, leaves being level 0. */
export type TileLevel = number | 'entries';

const digits = (group: number): string => String(group).padStart(3, '0');

/** The path of a full tile, relative to the log, such as `tile/0/x001/x234/067`. */
export function tilePath(level: TileLevel, index: number): string {
  const groups = [digits(index % 1000)];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${digits(rest % 1000)}`);
  }
  return `tile/${level}/${groups.join('/')}`;
}

/** Where the partial tiles of one index are. */
export const partialDirectory = (level: TileLevel, index: number): string =>
  `${tilePath(level, index)}.p`;

/** The path of a tile that is `width` wide, from 1 to 256. */
export const tilePathOf = (level: TileLevel, index: number, width: number): string =>
  width === tileWidth ? tilePath(level, index) : `${partialDirectory(level, index)}/${width}`;

/** Hashes that a tree of `size` leaves has at a level. */
export const hashesAt = (size: number, level: TileLevel): number =>
  Math.floor(size / tileWidth ** (level === 'entries' ? 0 : level));

/** Width of a tile in a tree of `size` leaves; 0 if it has none there. */
export const widthIn = (size: number, level: TileLevel, index: number): number =>
  Math.max(0, Math.min(tileWidth, hashesAt(size, level) - index * tileWidth));

/** An entry as a bundle has it: its length in two bytes, then itself. */
export function encodeEntry(entry: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(lengthBytes + entry.length);
  viewOf(out).setUint16(0, entry.length);
  out.set(entry, lengthBytes);
  return out;
}

/**
 * The first `count` entries of a bundle, which may have more only if `isLonger`.
 * @returns `undefined` if it has not that many, or bytes that are no entry.
 */
export function decodeBundle(
  bundle: Uint8Array,
  count: number,
  isLonger = false,
): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  const view = viewOf(bundle);
  let at = 0;
  while (entries.length < count) {
    if (at + lengthBytes > bundle.length) return undefined;
    const end = at + lengthBytes + view.getUint16(at);
    if (end > bundle.length) return undefined;
    entries.push(bundle.subarray(at + lengthBytes, end));
    at = end;
  }
  return isLonger || at === bundle.length ? entries : undefined;
}

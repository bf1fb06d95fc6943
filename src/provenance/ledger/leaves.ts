/**
 * An index of a log's leaves, in a file of the log's directory: where an entry stands, without a
 * look through all of them. It is a cache. What it finds is held against the tiles, what it does
 * not find is looked for there, and whoever deletes it loses nothing.
 *
 * A hash table with linear probing: a header of 16 bytes (magic, slots, entries that are in),
 * then slots of 8 bytes (index + 1, 0 if free; bytes 4 to 8 of the leaf hash, whose bytes 0 to 4
 * say where to begin). All numbers are u32, big-endian.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { noFollow, noWait } from '../../engine/files.ts';
import { readTile } from './files.ts';
import { hashBytes } from './merkle.ts';
import { tileWidth, widthIn } from './tiles.ts';

const magic = Buffer.from('SRMLEAF1');
const headerBytes = 16;
const slotBytes = 8;
/** Bounds the memory that making a table takes, 256 MiB; longer logs do without. */
const maxEntries = 2 ** 24;
/** More that are new than this, and the table is made anew in memory. */
const maxAdded = 4096;
/** Longer runs are no accident. */
const maxProbes = 256;

const indexPath = (directory: string): string => join(directory, '.leaves');

/** Half of it stays free. */
const slotsFor = (entries: number): number =>
  2 ** Math.ceil(Math.log2(Math.max(1024, 2 * entries)));

/** Gives the leaf hashes of a log from one index on. */
function* leavesFrom(directory: string, size: number, first: number) {
  for (let tile = Math.floor(first / tileWidth); tile * tileWidth < size; tile++) {
    const hashes = Buffer.from(readTile(directory, 0, tile, widthIn(size, 0, tile)));
    const start = Math.max(0, first - tile * tileWidth);
    for (let i = start; i * hashBytes < hashes.length; i++) {
      const leaf = hashes.subarray(i * hashBytes, (i + 1) * hashBytes);
      yield { leaf, index: tile * tileWidth + i };
    }
  }
}

/** Slots of a table, in memory or in a file. */
interface Slots {
  readonly count: number;
  /** The eight bytes of a slot: `index + 1` and the tag. */
  get(slot: number): readonly [index: number, tag: number];
  set(slot: number, index: number, tag: number): void;
}

/** The slot of a leaf, or a free one for it; `undefined` if there is neither near. */
function slotOf({ count, get }: Slots, leaf: Buffer): number | undefined {
  const [home, tag] = [leaf.readUInt32BE(0) % count, leaf.readUInt32BE(4)];
  for (let probe = 0; probe < maxProbes; probe++) {
    const slot = (home + probe) % count;
    const [index, found] = get(slot);
    if (index === 0 || found === tag) return slot;
  }
  return undefined;
}

/** The latest entry of each leaf is the one that counts. */
function put(slots: Slots, leaf: Buffer, index: number): void {
  const slot = slotOf(slots, leaf);
  if (slot !== undefined) slots.set(slot, index + 1, leaf.readUInt32BE(4));
}

const slotsIn = (table: Buffer): Slots => ({
  count: (table.length - headerBytes) / slotBytes,
  get(slot) {
    const at = headerBytes + slot * slotBytes;
    return [table.readUInt32BE(at), table.readUInt32BE(at + 4)];
  },
  set(slot, index, tag) {
    const at = headerBytes + slot * slotBytes;
    table.writeUInt32BE(index, at);
    table.writeUInt32BE(tag, at + 4);
  },
});

function slotsOnDisk(fd: number, count: number): Slots {
  const bytes = Buffer.alloc(slotBytes);
  return {
    count,
    get(slot) {
      bytes.fill(0);
      readSync(fd, bytes, 0, slotBytes, headerBytes + slot * slotBytes);
      return [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
    },
    set(slot, index, tag) {
      bytes.writeUInt32BE(index, 0);
      bytes.writeUInt32BE(tag, 4);
      attempt(() => writeSync(fd, bytes, 0, slotBytes, headerBytes + slot * slotBytes));
    },
  };
}

function headerOf(slots: number, entries: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header.writeUInt32BE(slots, 8);
  header.writeUInt32BE(entries, 12);
  return header;
}

/** Slots and entries of a table; `undefined` for what is none. */
function headerIn(fd: number): { readonly count: number; readonly entries: number } | undefined {
  const stat = fstatSync(fd);
  const header = Buffer.alloc(headerBytes);
  if (!stat.isFile() || readSync(fd, header, 0, headerBytes, 0) !== headerBytes) return undefined;
  const [count, entries] = [header.readUInt32BE(8), header.readUInt32BE(12)];
  const isTable =
    header.subarray(0, magic.length).equals(magic) &&
    count > 0 &&
    stat.size === headerBytes + count * slotBytes;
  return isTable ? { count, entries } : undefined;
}

/**
 * The last entry with this leaf hash, as far as the index knows, which is brought up to date if
 * the directory can be written to. Whoever asks holds the answer against the tiles.
 * @returns `undefined` if it does not know.
 * @throws StrongroomError LEDGER_INVALID of tiles.
 */
export function indexedLeaf(directory: string, size: number, leaf: Buffer): number | undefined {
  if (size > maxEntries) return undefined;
  // A link there would lead to what is not the log's
  const flags = constants.O_RDWR | noFollow | noWait;
  const fd = attempt(() => openSync(indexPath(directory), flags));
  if (fd === undefined) return rebuild(directory, size, leaf);
  try {
    const found = headerIn(fd);
    if (found === undefined || found.entries > size || slotsFor(size) > found.count) {
      return rebuild(directory, size, leaf);
    }
    const { count, entries } = found;
    if (size - entries > maxAdded) return rebuild(directory, size, leaf);
    const slots = slotsOnDisk(fd, count);
    for (const { leaf, index } of leavesFrom(directory, size, entries)) put(slots, leaf, index);
    if (size > entries) attempt(() => writeSync(fd, headerOf(count, size), 0, headerBytes, 0));
    return lookUp(slots, leaf);
  } finally {
    closeSync(fd);
  }
}

/** Forgets an index that does not know what the log has. */
export const dropIndex = (directory: string): void =>
  attempt(() => rmSync(indexPath(directory), { force: true }));

function lookUp(slots: Slots, leaf: Buffer): number | undefined {
  const slot = slotOf(slots, leaf);
  const index = slot === undefined ? 0 : slots.get(slot)[0];
  return index === 0 ? undefined : index - 1;
}

function rebuild(directory: string, size: number, leaf: Buffer): number | undefined {
  // What cannot be kept is not worth the making
  if (attempt(() => accessSync(directory, constants.W_OK) === undefined) === undefined)
    return undefined;
  const count = slotsFor(size);
  const table = Buffer.alloc(headerBytes + count * slotBytes);
  headerOf(count, size).copy(table);
  const slots = slotsIn(table);
  for (const { leaf, index } of leavesFrom(directory, size, 0)) put(slots, leaf, index);
  const path = indexPath(directory);
  const temporary = `${path}.${randomBytes(6).toString('hex')}.partial`;
  attempt(() => {
    try {
      writeFileSync(temporary, table, { flag: 'wx', mode: 0o644 });
      renameSync(temporary, path);
    } finally {
      rmSync(temporary, { force: true });
    }
  });
  return lookUp(slots, leaf);
}

/** For a cache: what the system refuses is gone without. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

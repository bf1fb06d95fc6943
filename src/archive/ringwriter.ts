/**
 * Putting a new key ring into an archive so that a kill or a power cut between any two
 * writes leaves the old or the new one in force (docs/format.md, "Key ring").
 */
import { fsyncSync } from 'node:fs';
import { utf8 } from '../bytes.ts';
import { quietly, writeFully } from '../engine/files.ts';
import { StrongroomError } from '../errors.ts';
import { type Core, slotOffsets } from './core.ts';
import { encodeSlot, slotHeadBytes } from './slots.ts';

/** A file that is written in place; what was written is durable after a flush, not before. */
export interface SlotFile {
  write(bytes: Uint8Array, offset: number): void;
  flush(): void;
}

/** @param fd open for writing. */
export const slotFile = (fd: number): SlotFile => ({
  write: (bytes, offset) => writeFully(fd, bytes, offset),
  flush: () => fsyncSync(fd),
});

/**
 * The longest document that a writer puts into a slot. A slot's head is written twice; so
 * much is left free that replacing a ring never writes more than both slots hold.
 */
export const roomIn = (core: Core): number => core.slotBytes - 2 * slotHeadBytes;

/** @throws StrongroomError RING_FULL when a slot of the archive cannot hold `document`. */
function assertRoom(document: Uint8Array, core: Core, name: string): void {
  if (document.length <= roomIn(core)) return;
  throw new StrongroomError(
    'RING_FULL',
    `${name}: the key ring takes ${document.length} bytes, and a slot has room for ${roomIn(core)}`,
    { file: name },
  );
}

const draftHead = ((head) => {
  head.set(utf8('SRMDRAFT'));
  return head;
})(new Uint8Array(slotHeadBytes));

const emptyHead = new Uint8Array(slotHeadBytes);

/** Where the zeros that fill a slot to its end begin. */
function contentEnd(slot: Uint8Array): number {
  let end = slot.length;
  while (end > 0 && slot[end - 1] === 0) end--;
  return end;
}

/**
 * Writes `document` into the slot that does not count, then empties the one that did.
 * @param slots both as they stand; `inForce` the one whose ring counts.
 * @throws StrongroomError RING_FULL before anything is written; or the system's error.
 */
export function replaceRing(
  file: SlotFile,
  core: Core,
  slots: readonly [Uint8Array, Uint8Array],
  inForce: 0 | 1,
  document: Uint8Array,
  name: string,
): void {
  assertRoom(document, core, name);
  const next = inForce === 0 ? 1 : 0;
  const [start, oldStart] = [slotOffsets(core)[next], slotOffsets(core)[inForce]];
  const filled = encodeSlot(document, core.slotBytes);
  const step = (bytes: Uint8Array, offset: number) => {
    file.write(bytes, offset);
    file.flush();
  };
  // The ring in force may be of a writer that was killed before its last flush.
  file.flush();
  step(draftHead, start);
  // Behind the document zeros replace what an interrupted writer left, and no more than that.
  const end = Math.max(slotHeadBytes + document.length, contentEnd(slots[next]));
  step(filled.subarray(slotHeadBytes, end), start + slotHeadBytes);
  try {
    step(filled.subarray(0, slotHeadBytes), start);
  } catch (error) {
    // Half a head is refused as altered, and one that is told as failed must not come in force
    quietly(() => step(draftHead, start));
    throw error;
  }

  step(draftHead, oldStart);
  const oldEnd = contentEnd(slots[inForce]);
  step(new Uint8Array(oldEnd - slotHeadBytes), oldStart + slotHeadBytes);
  step(emptyHead, oldStart);
}

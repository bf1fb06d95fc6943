/**
 * Drivers of `walkTar` for a tar that can be read at any offset, of which only headers and
 * paddings are read: from memory or a file descriptor, and from sources that answer later.
 */
import { StrongroomError } from '../../errors.ts';
import type { Entry } from '../entry.ts';
import { cutTar } from './header.ts';
import { walkTar } from './walk.ts';

/**
 * The entries of a tar, in its order.
 * @param readAt gives exactly `length` bytes from `offset`; never asked beyond the end.
 * @param length of the tar, in bytes.
 * @throws StrongroomError as `walkTar` does; `SOURCE_CHANGED` if `readAt` gives another length.
 */
export function readTarEntries(
  readAt: (offset: number, length: number) => Uint8Array,
  length: number,
): Entry[] {
  const reads = readsOf(length);
  let step = reads.next();
  while (!step.done) step = reads.next(readAt(step.value.offset, step.value.length));
  return step.value;
}

/** `readTarEntries` for a source that answers later. */
export async function readTarEntriesAsync(
  readAt: (offset: number, length: number) => Promise<Uint8Array>,
  length: number,
): Promise<Entry[]> {
  const reads = readsOf(length);
  let step = reads.next();
  while (!step.done) step = reads.next(await readAt(step.value.offset, step.value.length));
  return step.value;
}

/**
 * The entries of a tar one by one, from a header at `from` on, up to the first file: what lies
 * behind its bytes is not looked at.
 */
export async function* readTarHeaders(
  readAt: (offset: number, length: number) => Promise<Uint8Array>,
  from: number,
  length: number,
): AsyncGenerator<Entry, void> {
  const walk = walkTar();
  let position = from;
  let bytes: Uint8Array = new Uint8Array();
  for (let result = walk.next(); !result.done; result = walk.next(bytes)) {
    const step = result.value;
    if (step.op === 'entry') {
      const { entry } = step;
      yield entry.type === 'file' ? { ...entry, offset: entry.offset + from } : entry;
      if (entry.type === 'file') return;
    }
    if (step.op !== 'take') continue;
    bytes = await readAt(position, Math.min(step.bytes, Math.max(0, length - position)));
    position += bytes.length;
  }
}

type Read = { offset: number; length: number };

/** The walk as the reads that it needs, each answered with its bytes. */
function* readsOf(length: number): Generator<Read, Entry[], Uint8Array> {
  const entries: Entry[] = [];
  const walk = walkTar();
  let position = 0;
  let bytes: Uint8Array = new Uint8Array();
  for (let result = walk.next(); !result.done; result = walk.next(bytes)) {
    const step = result.value;
    if (step.op === 'entry') entries.push(step.entry);
    if (step.op === 'skip') position += step.bytes;
    if (position > length) throw cutTar(length);
    if (step.op !== 'take') continue;
    const wanted = Math.min(step.bytes, length - position);
    bytes = wanted === 0 ? new Uint8Array() : yield { offset: position, length: wanted };
    if (bytes.length !== wanted) {
      throw new StrongroomError('SOURCE_CHANGED', 'tar: it changed its length while it was read');
    }
    position += wanted;
  }
  return entries;
}

/** Where archive bytes come from. */
import { StrongroomError } from '../errors.ts';
import type { HttpLocation, S3Location } from './remote/location.ts';

/** Random access to bytes that stay as they are. */
export interface Source {
  /** For messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Fills `buffer` from `offset` on; returns fewer bytes only at the end. Reads may overlap. */
  readAt(buffer: Uint8Array, offset: number): number | Promise<number>;
  /** How much is worth reading ahead so that latency does not rule; nothing for a local file. */
  readonly ahead?: { readonly bytes: number; readonly reads: number };
  close(): void;
}

/** Where a source can be opened, also by another thread. */
export type SourceLocation = FileLocation | HttpLocation | S3Location;

export interface FileLocation {
  readonly kind: 'file';
  readonly path: string;
}

/** A source that was opened. */
export interface OpenedSource extends Source {
  /** Opens the same bytes again: what is not in the state that was found is refused. */
  readonly location: SourceLocation;
}

/**
 * Pieces of a forward-only source that were kept, at the offsets they had; what was not kept
 * reads as zeros.
 */
export function keptSource(
  name: string,
  size: number,
  parts: readonly { readonly at: number; readonly bytes: Uint8Array }[],
): Source {
  return {
    name,
    size,
    readAt(buffer, offset) {
      const length = Math.max(0, Math.min(buffer.length, size - offset));
      buffer.fill(0, 0, length);
      for (const { at, bytes } of parts) {
        const from = Math.max(at, offset);
        const to = Math.min(at + bytes.length, offset + length);
        if (from < to) buffer.set(bytes.subarray(from - at, to - at), from - offset);
      }
      return length;
    },
    close() {},
  };
}

/**
 * Exactly `length` bytes at `offset`.
 * @throws StrongroomError TRUNCATED when the source ends before them.
 */
export async function readExactly(source: Source, offset: number, length: number) {
  const bytes = new Uint8Array(length);
  if (offset + length > source.size || (await source.readAt(bytes, offset)) < length) {
    throw new StrongroomError('TRUNCATED', `${source.name}: ends before its content does`, {
      file: source.name,
      offset,
    });
  }
  return bytes;
}

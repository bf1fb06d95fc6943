/** Where archive bytes come from. */
import { closeSync, fstatSync } from 'node:fs';
import { StrongroomError } from '../errors.ts';
import { openToRead, readFully } from './files.ts';

/** Random access to bytes that stay as they are. */
export interface Source {
  /** For messages. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Fills `buffer` from `offset` on; returns fewer bytes only at the end. */
  readAt(buffer: Uint8Array, offset: number): number | Promise<number>;
  close(): void;
}

/** A source that another thread can open for itself. */
export type SourceLocation = { readonly kind: 'file'; readonly path: string };

export function openSource(location: SourceLocation): Source {
  return openFile(location.path);
}

function openFile(path: string): Source {
  const fd = openToRead(path);
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    const what = stat.isDirectory() ? 'a directory' : 'not a regular file';
    throw new StrongroomError('NOT_AN_ARCHIVE', `${path}: ${what}`, { file: path });
  }
  return {
    name: path,
    size: stat.size,
    readAt: (buffer, offset) => readFully(fd, buffer, offset),
    close: () => closeSync(fd),
  };
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

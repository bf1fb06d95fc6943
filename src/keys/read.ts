/** Small files, read whole within a bound: whatever the path leads to, memory stays flat. */
import { read } from 'node:fs';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { secretBytes, secretCopy, wipe } from '../bytes.ts';
import { asStrongroomError } from '../errors.ts';

const readFd = promisify(read);

/** The first `maxBytes` bytes, or fewer where it ends; the caller wipes secrets. */
export async function readAtMost(fd: number, maxBytes: number): Promise<Uint8Array> {
  const buffer = secretBytes(maxBytes);
  let length = 0;
  while (length < maxBytes) {
    const { bytesRead } = await readFd(fd, buffer, length, maxBytes - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  const bytes = secretCopy(buffer.subarray(0, length));
  // No more than was read: a large bound costs address space alone.
  wipe(buffer.subarray(0, length));
  return bytes;
}

/**
 * Opens a file for as long as `use` takes.
 * @throws StrongroomError of the system's error, with the path; or what `use` throws.
 */
export async function withFile<T>(path: string, use: (fd: number) => Promise<T>): Promise<T> {
  try {
    const handle = await open(path);
    try {
      return await use(handle.fd);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

/**
 * An entry of an archive: one regular file or directory.
 * Specification: docs/format.md, "Manifest" and "Paths and entries".
 */

/** Entries that one archive may hold. */
export const maxEntries = 2 ** 24;

/** The latest modification time, in seconds since 1970: the year 2242. */
export const maxTime = 2 ** 33;

export type FileEntry = {
  type: 'file';
  /** Components joined by `/`, none of them empty; see `assertSafePath`. */
  path: string;
  /** In bytes. */
  size: number;
  /** Permission bits, 0 to 0o777. */
  mode: number;
  /** Whole seconds since 1970. */
  mtime: number;
  /** Where the file's bytes begin in the payload's plaintext. */
  offset: number;
};

export type DirectoryEntry = {
  type: 'directory';
  /** Without a trailing slash. */
  path: string;
  mode: number;
  mtime: number;
};

export type Entry = FileEntry | DirectoryEntry;

/** Of every directory that extraction makes, the root and implied ones included. */
export const directoryMode = 0o755;

/** The mode that an extracted entry gets, before the umask: no more than a plaintext needs. */
export const extractedMode = ({ type, mode }: Entry): number =>
  type === 'directory' || (mode & 0o100) !== 0 ? directoryMode : 0o644;

/** An archive under the name that clients ask for. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import type { FileEntry } from '../archive/entry.ts';
import { utf8 } from '../bytes.ts';
import { exists } from '../engine/files.ts';
import { StrongroomError } from '../errors.ts';

/** What the gateway needs of an open archive. */
export interface ServedArchive {
  readonly contentRoot: string;
  readonly sealedAt: string;
  files(): readonly FileEntry[];
  parts(
    file: string,
    options: { offset: number; length: number; signal: AbortSignal },
  ): AsyncIterable<{ readonly bytes: Uint8Array; release(): void }>;
}

export interface Bucket {
  readonly name: string;
  readonly archive: ServedArchive;
  /** In the order of their paths' UTF-8, as S3 lists them. */
  readonly files: readonly FileEntry[];
  readonly byPath: ReadonlyMap<string, FileEntry>;
}

export function createBucket(name: string, archive: ServedArchive): Bucket {
  const files = archive
    .files()
    .map((file) => ({ file, order: Buffer.from(utf8(file.path)) }))
    .sort((a, b) => Buffer.compare(a.order, b.order))
    .map(({ file }) => file);
  return { name, archive, files, byPath: new Map(files.map((file) => [file.path, file])) };
}

/** A strong validator, in quotes: the same for the same bytes of the same archive. */
export function etagOf({ archive }: Bucket, { path, offset, size }: FileEntry): string {
  const what = [archive.contentRoot, offset, size, path].join('\n');
  return `"${createHash('sha256').update(what).digest('hex').slice(0, 32)}"`;
}

const namePattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/** An archive to serve, and under which name. */
export interface Served {
  readonly name: string;
  readonly path: string;
}

/**
 * Names for archives, from `NAME=PATH` or the file names: those that S3 allows.
 * @throws StrongroomError USAGE for a name twice.
 */
export function nameArchives(given: readonly string[]): readonly Served[] {
  const names = new Set<string>();
  return given.map((text) => {
    const [, name, path] = /^([^=/]+)=(.+)$/s.exec(text) ?? [];
    const isNamed = name !== undefined && namePattern.test(name);
    // A path may hold "=", but one that is not there is meant as a name
    if (name !== undefined && !isNamed && !exists(text)) {
      throw new StrongroomError('USAGE', `${name}: an archive cannot be served under this name`, {
        hint: 'take 3 to 63 of a-z, 0-9, "." and "-", with a letter or digit at both ends',
      });
    }
    const served = isNamed ? { name, path: path as string } : { name: fromPath(text), path: text };
    if (names.has(served.name)) {
      throw new StrongroomError('USAGE', `two archives would be served as ${served.name}`, {
        hint: 'give them names: NAME=ARCHIVE',
      });
    }
    names.add(served.name);
    return served;
  });
}

function fromPath(path: string): string {
  // Of an address, without what is secret in it
  const name = basename(path.split('?', 1)[0] ?? '')
    .replace(/\.[^.]*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 63)
    .replace(/[.-]+$/, '');
  return namePattern.test(name) ? name : `archive${name === '' ? '' : `-${name}`}`;
}

/** The project's own vectors, as `own/README.md` describes them. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Layer } from './make/case.ts';

export interface Vector {
  readonly name: string;
  readonly what: string;
  readonly suite: 'hybrid' | 'cnsa2';
  readonly archive: string;
  readonly edits?: readonly { readonly at: number; readonly remove: number; insert: string }[];
  readonly sha256: string;
  readonly identity: string;
  readonly authors: readonly string[];
  readonly custodians: readonly string[];
  readonly keyring?: string;
  readonly opened?: Opened;
  readonly refused?: {
    readonly layer: Layer;
    readonly released: { readonly tar: number; readonly files: readonly string[] };
  };
}

interface Opened {
  readonly entries: number;
  /** Paths and SHA-256 in hex. */
  readonly files: Readonly<Record<string, string>>;
  readonly tar: string;
}

export const ownFolder: string = new URL('./own', import.meta.url).pathname;
export const ownFile = (path: string): Uint8Array => readFileSync(join(ownFolder, path));
export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

const document = JSON.parse(Buffer.from(ownFile('vectors.json')).toString());
export const ownVectors = document.vectors as readonly Vector[];

/** The archive of a vector; throws if it is not the one that was written. */
export function archiveOf({ name, archive, edits = [], sha256: digest }: Vector): Uint8Array {
  const bytes = edits.reduce<Uint8Array>(
    (now, { at, remove, insert }) =>
      Buffer.concat([now.subarray(0, at), Buffer.from(insert, 'hex'), now.subarray(at + remove)]),
    gunzipSync(ownFile(archive)),
  );
  if (sha256(bytes) !== digest) throw new Error(`${name}: another archive came out`);
  return bytes;
}

/** Where a new archive is written: a file, standard output, or an object store. */
import { closeSync } from 'node:fs';
import type { OutputReport, SealTarget } from '../../archive/jobs/target.ts';
import { openMade, writeFully } from '../../engine/files.ts';
import { createFile } from '../../engine/output.ts';
import { StrongroomError } from '../../errors.ts';
import { writeOutput } from '../standard.ts';
import type { Beginning } from './beginning.ts';

export interface ArchiveOutput {
  /** What an earlier attempt at the same archive began with, and how far it came. */
  readonly begun?: Begun | undefined;
  /** Takes the front of the archive; returns where threads then put the segments. */
  start(beginning: Beginning, plaintextBytes: number | undefined): Promise<SealTarget>;
  /** What threads report of parts, and of runs. */
  onPart(report: OutputReport, leaves: (from: number, to: number) => Uint8Array): void;
  /** Takes the trailer, in order of the offsets. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Makes all of it durable and gives it its name. */
  commit(): Promise<void>;
  /** Removes what was written, because of `reason`. Does nothing after `commit`. */
  discard(reason: StrongroomError): Promise<void>;
}

export interface Begun {
  readonly beginning: Beginning;
  /** Leaf hashes of segments that are written already, by the first of each run. */
  readonly leaves: readonly { readonly from: number; readonly hashes: Uint8Array }[];
}

export function fileOutput(path: string): ArchiveOutput {
  const file = createFile(path);
  let fd: number | undefined;
  try {
    fd = openMade(file.path);
  } catch (error) {
    file.discard();
    throw error;
  }
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const write = async (bytes: Uint8Array, offset: number) =>
    writeFully(fd as number, bytes, offset);
  return {
    async start({ front }) {
      await write(front, 0);
      return { kind: 'file', path: file.path };
    },
    onPart() {},
    write,
    async commit() {
      close();
      file.commit();
    },
    async discard() {
      close();
      file.discard();
    },
  };
}

export function standardOutput(signal: AbortSignal | undefined): ArchiveOutput {
  if (process.stdout.isTTY) {
    throw new StrongroomError(
      'OUTPUT_IS_TERMINAL',
      'an archive is binary, and standard output is a terminal',
    );
  }
  return {
    async start({ front }) {
      await writeOutput(front, signal);
      return { kind: 'stdout' };
    },
    onPart() {},
    write: (bytes) => writeOutput(bytes, signal),
    async commit() {},
    async discard() {},
  };
}

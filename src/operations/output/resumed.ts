/** A new archive in a file that a later run can go on with. */
import { closeSync, fchmodSync, fsyncSync, ftruncateSync } from 'node:fs';
import { coreBytes, decodeCore, payloadOffset } from '../../archive/core.ts';
import { deriveArchiveKeys } from '../../archive/filekey.ts';
import { segmentsInRun } from '../../archive/jobs/journal.ts';
import { ciphertextBytes, segmentCount } from '../../crypto/floe.ts';
import { openMade, writeFully } from '../../engine/files.ts';
import { fileOutput } from '../../engine/output.ts';
import { type Beginning, continueArchive } from './beginning.ts';
import type { Work } from './head.ts';
import type { ArchiveOutput } from './output.ts';
import { Resumption } from './resumption.ts';

/** @throws StrongroomError OUTPUT_EXISTS; and as `Resumption.take`. */
export async function resumedOutput(work: Omit<Work, 'isDirectory'>): Promise<ArchiveOutput> {
  const { output: path } = work;
  const resumption = await Resumption.take({ ...work, isDirectory: false });
  let beginning: Beginning | undefined;
  let fd: number;
  try {
    const { begun } = resumption;
    if (begun !== undefined) {
      const core = decodeCore(begun.front.subarray(0, coreBytes), path);
      const keys = deriveArchiveKeys(begun.fileKey, core);
      beginning = continueArchive({ core, keys, fileKey: begun.fileKey }, begun.front, path);
    }
    fd = openMade(resumption.stage);
  } catch (error) {
    beginning?.wipe();
    resumption.abandon();
    throw error;
  }
  const file = fileOutput(resumption.stage, path);
  let isOpen = true;
  const close = () => {
    if (isOpen) closeSync(fd);
    isOpen = false;
  };
  const write = async (bytes: Uint8Array, offset: number) => writeFully(fd, bytes, offset);
  return {
    begun: beginning && { beginning, leaves: [] },
    async start({ core, front, fileKey }, plaintextBytes) {
      const length = plaintextBytes as number;
      const { segmentBytes } = core;
      const journal = resumption.start({
        segments: segmentCount(length, segmentBytes),
        runSegments: segmentsInRun(length, segmentBytes),
        archive: { front, fileKey },
      });
      // A trailer may be there, and the next one may be shorter
      ftruncateSync(fd, payloadOffset(core) + ciphertextBytes(length, segmentBytes));
      await write(front, 0);
      return { kind: 'file', path: resumption.stage, journal };
    },
    onPart(report) {
      if ('mac' in report) resumption.add(report);
    },
    write,
    async commit() {
      fchmodSync(fd, 0o666 & ~process.umask());
      fsyncSync(fd);
      close();
      resumption.assertHeld();
      file.commit();
      resumption.finish();
    },
    async discard(reason) {
      close();
      resumption.stop(reason);
    },
  };
}

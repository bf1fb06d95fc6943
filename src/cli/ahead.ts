/** Starts the threads of a long operation while its keys and its plan are still being read. */
import { statSync } from 'node:fs';
import type { RunOptions } from '../engine/pool.ts';
import { isRemote } from '../engine/remote/location.ts';

/** @param path the archive or source: of a directory, and of what is remote, many bytes are expected. */
export async function startAhead(path: string, { threads }: RunOptions): Promise<void> {
  const { prepareThreads } = await import('../archive/worker.ts');
  prepareThreads(expectedBytes(path), threads);
}

function expectedBytes(path: string): number {
  if (isRemote(path)) return Number.POSITIVE_INFINITY;
  // A pipe keeps one thread busy
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() ? Number.POSITIVE_INFINITY : (stat?.size ?? 0);
}

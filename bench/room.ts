/** Room for big files: checked before they are made, and given back whatever happens. */
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { killRunning } from './measure.ts';

const tmpfsMagic = 0x01021994;
const spareBytes = 2 ** 29;

export const isTmpfs = (directory: string): boolean => statfsSync(directory).type === tmpfsMagic;

/** What can be written: on a tmpfs no more than the memory that is free. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  return isTmpfs(directory) ? Math.min(free, freemem()) : free;
}

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Why `bytes` do not fit into a directory; `undefined` if they do. */
export function doesNotFit(directory: string, bytes: number): string | undefined {
  const free = freeBytes(directory);
  if (bytes + spareBytes <= free) return undefined;
  const what = isTmpfs(directory) ? 'memory' : 'the disk';
  return `needs ${gibibytes(bytes)} and ${gibibytes(spareBytes)} to spare, and ${what} has ${gibibytes(free)}`;
}

const doomed = new Set<string>();
const dismissals: (() => void)[] = [];

/** A directory of ours below `parent` that does not outlive this process. */
export function temporaryDirectory(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path, { recursive: true });
  doomed.add(path);
  return path;
}

/** Lets a directory live on. */
export const spare = (path: string): boolean => doomed.delete(path);

export const remove = (path: string): void => rmSync(path, { recursive: true, force: true });

/** Does `dismiss` once: when the returned function is called, or when all is given up. */
export function onDismissal(dismiss: () => void): () => void {
  const once = () => {
    const at = dismissals.indexOf(once);
    if (at < 0) return;
    dismissals.splice(at, 1);
    try {
      dismiss();
    } catch (error) {
      process.stderr.write(`warning: ${(error as Error).message}\n`);
    }
  };
  dismissals.push(once);
  return once;
}

/** Ends everything that was started and deletes everything that was made. */
export function giveUp(): void {
  killRunning();
  for (const dismiss of [...dismissals]) dismiss();
  for (const path of doomed) remove(path);
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => {
    giveUp();
    process.exit(status);
  });
}

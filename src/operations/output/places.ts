/** Where unfinished work lies beside its output, and what of it may go (docs/resume.md). */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, rmSync, unlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

export interface Places {
  readonly stage: string;
  readonly journal: string;
  readonly lock: string;
}

/** The longest name that is kept as it is. */
const maxName = 60;

/** Names that another run for the same output comes to as well. */
export function placesOf(output: string): Places {
  const target = resolve(output);
  const name = basename(target);
  const short = createHash('sha256').update(name).digest('hex').slice(0, 16);
  const stem = name.length <= maxName ? name : `${name.slice(0, maxName - 17)}-${short}`;
  const stage = join(dirname(target), `.${stem}.resume`);
  return { stage, journal: `${stage}.journal`, lock: `${stage}.lock` };
}

/** Removes what a run left that was killed when its output just had its name. */
export function removeLeftovers(output: string, { stage, journal }: Places): void {
  const made = lstatSync(output, { bigint: true, throwIfNoEntry: false });
  if (made === undefined) return;
  const left = lstatSync(stage, { bigint: true, throwIfNoEntry: false });
  if (left !== undefined && (left.ino !== made.ino || left.dev !== made.dev)) return;
  // Of a directory there is no second name; an empty one may be there before anything is opened
  if (made.isDirectory() && readdirSync(output).length === 0) return;
  if (left !== undefined) unlinkSync(stage);
  rmSync(journal, { force: true });
}

/**
 * Removes a stage that nothing was written to, such as one whose tree was made and whose journal
 * was not yet; false if any file in it has a byte.
 */
export function removeEmpty(stage: string): boolean {
  const stat = lstatSync(stage);
  if (stat.isFile() && stat.size === 0) {
    unlinkSync(stage);
    return true;
  }
  if (!stat.isDirectory()) return false;
  const inside = readdirSync(stage, { withFileTypes: true, recursive: true });
  const isEmpty = inside.every(
    (entry) =>
      entry.isDirectory() ||
      (entry.isFile() && lstatSync(join(entry.parentPath, entry.name)).size === 0),
  );
  if (isEmpty) rmSync(stage, { recursive: true });
  return isEmpty;
}

/** Decimal: what tells a file from another in its place. */
export const inodeOf = (path: string): string => String(lstatSync(path, { bigint: true }).ino);

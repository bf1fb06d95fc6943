/** What a custody file says, its chain followed and nothing of it verified. */
import { closeSync, openSync } from 'node:fs';
import { magic } from '../../archive/core.ts';
import { equal } from '../../bytes.ts';
import { readFully } from '../../engine/files.ts';
import { asStrongroomError } from '../../errors.ts';
import type { Card } from '../../keys/card.ts';
import { custodyPathOf, readCustody } from '../../provenance/statements/file.ts';
import { type Happening, storyOf } from './story.ts';

export interface CustodyStory {
  readonly file: string;
  readonly archive: string;
  readonly contentRoot: string;
  readonly story: readonly Happening[];
}

/**
 * Reads the custody file at `path`, or the one beside the archive at `path`.
 * @param cards by which names are found for keys.
 * @throws StrongroomError CUSTODY_INVALID, CUSTODY_TORN, CUSTODY_BROKEN, or the system's error.
 */
export function showCustody(path: string, cards: readonly Card[] = []): CustodyStory {
  const file = isArchive(path) ? custodyPathOf(path) : path;
  const steps = readCustody(file);
  return { file, ...subjectOf(steps), story: storyOf(steps, cards) };
}

/** The archive that a file is about. */
export function subjectOf(steps: ReturnType<typeof readCustody>) {
  const first = steps[0]?.statement;
  return { archive: first?.predicate.archive ?? '', contentRoot: first?.contentRoot ?? '' };
}

/** Whether a file begins as an archive does. */
export function isArchive(path: string): boolean {
  const head = new Uint8Array(magic.length);
  try {
    const fd = openSync(path, 'r');
    try {
      return readFully(fd, head, 0) === head.length && equal(head, magic);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw asStrongroomError(error, path);
  }
}

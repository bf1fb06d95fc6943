/** What a ceremony leaves behind: everyone's key and card, the quorum they make, the transcript. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { utf8 } from '../../bytes.ts';
import { writeNew } from '../keyfiles.ts';
import type { Person, Room } from './people.ts';

export const transcriptName = 'transcript.json';
export const quorumName = 'quorum.json';

/** Adds to the keys in staging what belongs to them; of a rehearsal, keeps the transcript alone. */
export function publish(
  { plan, staging }: Room,
  people: readonly Person[],
  transcript: Uint8Array,
  rehearsal: boolean,
): void {
  const write = (name: string, bytes: Uint8Array) =>
    writeNew([{ path: join(staging, name), bytes, mode: 0o644 }]);
  write(transcriptName, transcript);
  if (rehearsal) {
    for (const { file, path } of people) {
      if (file === undefined) continue;
      for (const each of [path, `${path}.card`]) rmSync(each);
    }
    return;
  }
  const cardOf = (name: string) => `${people.find((each) => each.name === name)?.file}.card`;
  const groups = plan.groups.map(({ name, threshold, custodians }) => ({
    name,
    threshold,
    cards: custodians.map(cardOf),
  }));
  const quorum = { type: 'strongroom/quorum', version: 1, groups };
  write(quorumName, utf8(`${JSON.stringify(quorum, undefined, 2)}\n`));
}

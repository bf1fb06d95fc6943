/** A custody file in words, a line for each thing that happened. */
import type { Happening } from '../../index.ts';
import { shortKeyId } from '../../text.ts';
import { plural } from '../format.ts';
import { table } from '../messages.ts';

type Named = NonNullable<Happening['added']>[number];

const nameOf = ({ key, name }: Named): string => name ?? shortKeyId(key);

/** Names, and how many more if there are many. */
function listOf(who: readonly Named[] = []): string {
  const shown = who.slice(0, 8).map(nameOf);
  const more = who.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** Who can open it, in all the ways that there are. */
function accessOf({ added = [], hidden = 0, quorums = 0 }: Happening): string {
  return [
    ...(added.length > 0 ? [listOf(added)] : []),
    ...(hidden > 0 ? [plural(hidden, 'hidden recipient')] : []),
    ...(quorums > 0 ? [plural(quorums, 'quorum')] : []),
  ].join(', ');
}

const until = ({ epoch }: Happening): string => `, epoch ${epoch}`;

const words: Readonly<Record<Happening['event'], (what: Happening) => string>> = {
  sealed: (what) =>
    what.from === undefined
      ? `sealed it for ${accessOf(what)}`
      : `sealed anew what was in archive ${what.from.archive.slice(0, 16)}…, for ${accessOf(what)}`,
  granted: (what) => `let in ${listOf(what.added) || 'a hidden recipient'}${until(what)}`,
  revoked: (what) => `ended the access of ${listOf(what.removed) || 'some'}${until(what)}`,
  reshared: (what) => `gave it other quorums: ${plural(what.quorums ?? 0, 'quorum')}${until(what)}`,
  changed: (what) => {
    const lets = (what.added ?? []).length > 0 ? [`let in ${listOf(what.added)}`] : [];
    const ends = (what.removed ?? []).length > 0 ? [`removed ${listOf(what.removed)}`] : [];
    const all = [...lets, ...ends];
    return `${all.length > 0 ? all.join(' and ') : 'wrote the key ring anew'}${until(what)}`;
  },
  gap: (what) =>
    `does not know what changed from epoch ${what.unknownFrom} to ${what.epoch}, since when it is open to ${accessOf(what)}`,
  rekeyed: ({ to }) => `sealed it anew, as archive ${to?.archive.slice(0, 16)}…`,
  released: ({ approved, quorum }) =>
    `was given its key by ${listOf(approved)}, quorum ${quorum?.slice(0, 16)}…`,
  opened: (what) => {
    const how = what.quorum === undefined ? '' : ', as a quorum allowed';
    return `opened ${what.whole ? 'all' : 'a part'} of it${how}, by key ring ${what.epoch}`;
  },
};

/** Lines for people; whoever prints them escapes them. */
export const timeline = (story: readonly Happening[]): string[] =>
  table(
    story.map((what) => {
      const who = what.by.name ?? shortKeyId(what.by.keys[0]);
      return [what.time, `${who} ${words[what.event](what)}`] as const;
    }),
  );

/**
 * Text of others: how its length is counted, which names tell no lies, how it is shown.
 *
 * docs/format.md#conventions
 */

/** Characters, that is Unicode code points: an astral one counts once. */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Whether `text` has `least` to `most` characters; looks at no more of it than that takes. */
export const hasLength = (text: string, least: number, most: number): boolean => {
  // A character takes one or two UTF-16 units
  if (text.length < least || text.length > 2 * most) return false;
  const count = characters(text);
  return count >= least && count <= most;
};

/** The first characters of `text`, at most `most` of them. */
export const cutText = (text: string, most: number): string =>
  text.length <= most ? text : Array.from(text).slice(0, most).join('');

/** Control characters, and halves of surrogate pairs, which have no UTF-8. */
export const hasControls = (text: string): boolean => /[\p{Control}\p{Surrogate}]/u.test(text);

/** U+FDD0 to U+FDEF, and the last two of every plane: never characters, in no Unicode version. */
export const hasNoncharacters = (text: string): boolean =>
  /\p{Noncharacter_Code_Point}/u.test(text);

/**
 * Default_Ignorable_Code_Point of Unicode 14.0, written out so that every runtime has the same:
 * code points that show nothing.
 */
export const ignorable =
  '\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e' +
  '\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8' +
  '\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}';

// White space but U+0020, the braille pattern without dots, and what shows nothing or turns text
const unseen = new RegExp(
  `[\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u2800\\u3000${ignorable}]`,
  'u',
);

/**
 * Whether `text` can be the name of somebody: nothing in it is unseen, and no run of spaces could
 * pass for a column, so that a name on a screen looks like nothing but a name.
 */
export const isName = (text: string): boolean =>
  !hasControls(text) && !hasNoncharacters(text) && !unseen.test(text) && !/^ | {2}| $/.test(text);

// Controls, format characters (bidirectional overrides among them), lone surrogates, private
// and unassigned code points, every separator but the space, and what shows nothing: the
// ignorable ones and U+2800, a braille pattern without dots.
const deceptive = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * `text` for one line of a terminal or a log: everything that could move the cursor, break the
 * line, reorder or hide a part becomes `\u{…}`. For eyes; it is not meant to be parsed.
 */
export const printable = (text: string): string =>
  text.replace(deceptive, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);

/** How a key is called whose card is not at hand, by its id in hex. */
export const shortKeyId = (id = ''): string => `key ${id.slice(0, 16)}…`;

/**
 * Which paths an archive may name.
 * Specification: docs/format.md, "Paths and entries".
 *
 * A path that is accepted here means the same file below the output directory on Linux,
 * macOS and Windows, and no two accepted paths mean the same file on any of them.
 */
import { StrongroomError } from '../errors.ts';
import { hasNoncharacters, printable } from '../text.ts';
import type { Entry } from './entry.ts';
import { fold } from './fold.ts';

const maxPathBytes = 4096;
const maxComponentBytes = 255;
const maxComponents = 100;

type Rule = readonly [broken: string, breaks: (text: string) => boolean];

const pathRules: readonly Rule[] = [
  ['it is empty', (path) => path === ''],
  ['it is absolute', (path) => path.startsWith('/')],
  ['it is not well-formed Unicode', (path) => /\p{Surrogate}/u.test(path)],
  [`it is over ${maxPathBytes} bytes`, (path) => longerThan(path, maxPathBytes)],
  // U+0000 to U+001F and U+007F to U+009F
  ['it has a control character', (path) => /\p{Control}/u.test(path)],
  ['it has a code point that is never a character', hasNoncharacters],
  ['it has a backslash', (path) => path.includes('\\')],
  [
    `it has over ${maxComponents} components`,
    (path) => path.length > maxComponents && path.split('/').length > maxComponents,
  ],
  // A drive letter or an alternate data stream on Windows
  ['it has a colon', (path) => path.includes(':')],
];

const componentRules: readonly Rule[] = [
  ['a component is empty', (component) => component === ''],
  ['a component is "." or ".."', (component) => component === '.' || component === '..'],
  [
    `a component is over ${maxComponentBytes} bytes`,
    (component) => longerThan(component, maxComponentBytes),
  ],
  // Windows drops them, so that two names would become one
  ['a component ends in a dot or a space', (component) => /[. ]$/.test(component)],
  ['a component is a name that Windows reserves', (component) => reserved.test(component)],
];

// With an extension, and with spaces before it, it still names the device. Without the flag `u`
// the case is that of ASCII: nothing else is taken for one of these letters.
const reserved = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;

/** Whether `text` takes more than `limit` bytes of UTF-8; a UTF-16 unit takes one to three. */
const longerThan = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && Buffer.byteLength(text) > limit);

/**
 * @throws StrongroomError `ENTRY_UNSAFE`, naming the path (escaped) and the rule that it breaks.
 */
export function assertSafePath(path: string): void {
  for (const [broken, breaks] of pathRules) {
    if (breaks(path)) throw unsafe(path, broken);
  }
  for (const component of path.split('/')) {
    for (const [broken, breaks] of componentRules) {
      if (breaks(component)) throw unsafe(path, broken);
    }
  }
}

/** The error for an entry that must not exist on a disk. */
export function unsafe(path: string, why: string, hint?: string): StrongroomError {
  const shown = path.length > maxPathBytes ? `${path.slice(0, 64)}…` : path;
  const name = shown === '' ? 'an entry without a path' : printable(shown);
  return new StrongroomError('ENTRY_UNSAFE', `${name}: ${why}`, hint === undefined ? {} : { hint });
}

/**
 * @throws StrongroomError `ENTRY_UNSAFE` if two paths are one on some file system, or a file
 *   stands where another entry needs a directory.
 */
export function assertNoCollisions(entries: Iterable<Pick<Entry, 'type' | 'path'>>): void {
  const check = collisionCheck();
  for (const entry of entries) check(entry);
}

/**
 * `assertNoCollisions` for entries that come one by one: call the result with each in turn.
 * Directories that only the paths of other entries imply count as well, so that `Model/a` and
 * `model/b`, which would share a directory on some disks, do not pass.
 */
export function collisionCheck(): (entry: Pick<Entry, 'type' | 'path'>) => void {
  const root: Place = { name: '', kind: 'implied' };

  return ({ type, path }) => {
    const names = path.split('/');
    const folded = fold(path).split('/');
    let place = root;
    for (const [depth, name] of names.entries()) {
      const kind = depth === names.length - 1 ? type : 'implied';
      const key = folded[depth] ?? '';
      let next = place.below?.get(key);
      if (next === undefined) {
        next = { name, kind };
        place.below ??= new Map();
        place.below.set(key, next);
      } else meet(next, kind, names, depth);
      place = next;
    }
  };
}

/**
 * What stands at a path: an entry, or a directory that entries below it imply. Kept as a tree,
 * since a table of whole paths would grow with the square of a hostile path's depth.
 */
interface Place {
  readonly name: string;
  kind: Entry['type'] | 'implied';
  /** By the folded name. */
  below?: Map<string, Place>;
}

/** Lets the path of `names` end at a place that others use, or pass through it. */
function meet(place: Place, kind: Place['kind'], names: readonly string[], depth: number): void {
  const upTo = (last: string | undefined) => [...names.slice(0, depth), last].join('/');
  const name = names[depth];
  if (place.name !== name) {
    throw unsafe(upTo(name), `on some file systems the same as ${printable(upTo(place.name))}`);
  }
  if (kind === 'implied') {
    if (place.kind === 'file') throw unsafe(names.join('/'), `${printable(upTo(name))} is a file`);
    return;
  }
  if (place.kind !== 'implied') throw unsafe(upTo(name), 'it is there twice');
  if (kind === 'file') throw unsafe(upTo(name), 'a file, but other entries lie below it');
  place.kind = kind;
}

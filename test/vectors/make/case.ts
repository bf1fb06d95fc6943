/** What a case is before its archive is made; `../own/README.md` says what becomes of it. */
import type { SuiteName } from '#strongroom/index.js';
import type { Design, Slot } from './archive.ts';
import type { People } from './people.ts';

/** The layers of docs/format.md, in the order in which a reader comes to them. */
export const layers = [
  'core',
  'keyring',
  'stanza',
  'commit',
  'mac',
  'grant',
  'footer',
  'seal',
  'header',
  'header-key',
  'manifest',
  'contents',
  'tree',
  'segment',
  'segment-key',
  'tar',
] as const;
export type Layer = (typeof layers)[number];

/** Bytes put in the place of others: one after another, each into what the one before made. */
export interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

/** Where the regions of a base archive lie, and its bytes. */
export interface Base {
  readonly bytes: Uint8Array;
  readonly at: Readonly<Record<Region, number>>;
  readonly length: number;
}
export type Region =
  | 'slotA'
  | 'slotB'
  | 'header'
  | 'segments'
  | 'manifest'
  | 'tiles'
  | 'seal'
  | 'footer';

/** What may be released of an archive that is refused; nothing unless it says so. */
export interface Released {
  /** Bytes of the tar, from its beginning. */
  readonly tar: number;
  /** Files that a reader with random access may give. */
  readonly files: readonly string[];
}

export interface Case {
  readonly name: string;
  /** Absent: it is valid. */
  readonly layer?: Layer;
  readonly what: string;
  /** Only this one. */
  readonly suite?: SuiteName;
  /** Made anew, or `edits` of the archive of the case `base`. */
  readonly design?: (context: Context) => Partial<Design>;
  readonly edits?: (base: Base) => readonly Edit[];
  /** Whose identity opens it: the reader's unless given. */
  readonly identity?: string;
  /** Whose cards are trusted as custodians. */
  readonly custodians?: readonly string[];
  /** With the ring of the first slot as a detached one. */
  readonly detached?: boolean;
  readonly released?: Released;
}

export interface Context {
  readonly people: People;
  /** The slots of an honest archive. */
  readonly honest: readonly [Slot, Slot];
  readonly slotBytes: number;
}

/** The core: the 4096 bytes at the front that never change (docs/format.md, "Core"). */
import { randomBytes } from 'node:crypto';
import { concat, equal, fromHex, hex, isZero, viewOf } from '../bytes.ts';
import { sha384 } from '../crypto/hash.ts';
import { type Suite, suiteById } from '../crypto/suites.ts';
import { StrongroomError } from '../errors.ts';

export const coreBytes = 4096;

export const magic = Uint8Array.of(0x89, 0x53, 0x52, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a);
const version = 1;
const keyIdBytes = 32;

const field = {
  version: 8,
  suite: 10,
  flags: 11,
  archiveId: 12,
  segmentBytes: 44,
  slotBytes: 48,
  authors: 52,
} as const;

export const limits = {
  segmentBytes: { least: 4096, most: 2 ** 24, usual: 2 ** 20 },
  slotBytes: { least: 4096, most: 2 ** 26, usual: 2 ** 17 },
} as const;

export interface Core {
  readonly suite: Suite;
  /** 32 random bytes. */
  readonly archiveId: Uint8Array;
  /** Plaintext of a full segment. */
  readonly segmentBytes: number;
  /** Room for one key ring. */
  readonly slotBytes: number;
  /** Ids of the author's signing keys, in the suite's order. */
  readonly authors: readonly string[];
  /** SHA-384 over the core as it stands in the archive. */
  readonly hash: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Where the regions behind the core begin. */
export const slotOffsets = (core: Core): readonly [number, number] => [
  coreBytes,
  coreBytes + core.slotBytes,
];
export const payloadOffset = ({ slotBytes }: Pick<Core, 'slotBytes'>): number =>
  coreBytes + 2 * slotBytes;

export interface CoreFields {
  readonly suite: Suite;
  readonly segmentBytes: number;
  readonly slotBytes: number;
  readonly authors: readonly string[];
}

/** A core for a new archive, with a fresh archive id. */
export function createCore(fields: CoreFields): Core {
  const archiveId = new Uint8Array(randomBytes(32));
  const bytes = new Uint8Array(coreBytes);
  const view = viewOf(bytes);
  bytes.set(magic);
  view.setUint16(field.version, version);
  view.setUint8(field.suite, fields.suite.id);
  bytes.set(archiveId, field.archiveId);
  view.setUint32(field.segmentBytes, fields.segmentBytes);
  view.setUint32(field.slotBytes, fields.slotBytes);
  bytes.set(concat(...fields.authors.map(fromHex)), field.authors);
  return decodeCore(bytes, 'new archive');
}

/**
 * @param bytes the first 4096 bytes of an archive, or fewer where there are no more.
 * @throws StrongroomError NOT_AN_ARCHIVE, VERSION_UNSUPPORTED, SUITE_UNKNOWN, CORE_INVALID, TRUNCATED.
 */
export function decodeCore(bytes: Uint8Array, name: string): Core {
  const at = { file: name };
  if (bytes.length < magic.length || !equal(bytes.subarray(0, magic.length), magic)) {
    throw new StrongroomError('NOT_AN_ARCHIVE', `${name}: not a Strongroom archive`, at);
  }
  if (bytes.length < coreBytes) {
    throw new StrongroomError('TRUNCATED', `${name}: ends within its core`, at);
  }
  const view = viewOf(bytes);
  const invalid = (what: string, offset: number) =>
    new StrongroomError('CORE_INVALID', `${name}: ${what}`, { file: name, offset });
  const found = view.getUint16(field.version);
  if (found !== version) {
    const message = `${name}: has format version ${found}, and this release reads version ${version}`;
    throw new StrongroomError('VERSION_UNSUPPORTED', message, at);
  }
  const suite = suiteById(view.getUint8(field.suite));
  if (suite === undefined) {
    const message = `${name}: uses the unknown suite ${view.getUint8(field.suite)}`;
    throw new StrongroomError('SUITE_UNKNOWN', message, at);
  }
  if (view.getUint8(field.flags) !== 0)
    throw invalid('sets flags that are not defined', field.flags);
  const segmentBytes = view.getUint32(field.segmentBytes);
  if (!isPowerOfTwo(segmentBytes) || outside(segmentBytes, limits.segmentBytes)) {
    throw invalid(`segments of ${segmentBytes} bytes are not allowed`, field.segmentBytes);
  }
  const slotBytes = view.getUint32(field.slotBytes);
  if (slotBytes % 4096 !== 0 || outside(slotBytes, limits.slotBytes)) {
    throw invalid(`key-ring slots of ${slotBytes} bytes are not allowed`, field.slotBytes);
  }
  const authorsEnd = field.authors + suite.signatures.length * keyIdBytes;
  if (!isZero(bytes.subarray(authorsEnd, coreBytes))) {
    throw invalid('the rest of the core is not zero', authorsEnd);
  }
  const copy = new Uint8Array(bytes.subarray(0, coreBytes));
  return {
    suite,
    archiveId: copy.subarray(field.archiveId, field.archiveId + 32),
    segmentBytes,
    slotBytes,
    authors: suite.signatures.map((_, i) => {
      const start = field.authors + i * keyIdBytes;
      return hex(copy.subarray(start, start + keyIdBytes));
    }),
    hash: sha384(copy),
    bytes: copy,
  };
}

const isPowerOfTwo = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n));

const outside = (n: number, range: { readonly least: number; readonly most: number }): boolean =>
  n < range.least || n > range.most;

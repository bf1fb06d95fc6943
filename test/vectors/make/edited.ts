/** Archives that were altered after they were sealed, by whoever stores or carries them. */
import type { Base, Case, Edit, Layer, Region, Released } from './case.ts';

const hex = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('hex');

const put = (at: number, bytes: Uint8Array | string): Edit => ({
  at,
  remove: bytes.length,
  insert: hex(bytes),
});

const flip = ({ bytes }: Base, at: number): Edit => put(at, [(bytes[at] ?? 0) ^ 1] as never);

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};

const edited = (
  layer: Layer,
  name: string,
  what: string,
  edits: (base: Base) => Edit | readonly Edit[],
  released?: Released,
): Case => ({
  layer,
  name,
  what,
  edits: (base) => [edits(base)].flat(),
  ...(released === undefined ? {} : { released }),
});

const flipped = (layer: Layer, region: Region, name: string, offset: number, what: string) =>
  edited(layer, name, what, (base) => flip(base, base.at[region] + offset));

const core: readonly Case[] = [
  edited('core', 'core-magic', 'another magic', () => put(0, 'X')),
  edited('core', 'core-magic-line-ends', 'line ends were converted', () => ({
    at: 4,
    remove: 2,
    insert: '0a',
  })),
  edited('core', 'core-version', 'version 2', () => put(8, '\0\x02')),
  edited('core', 'core-suite', 'an unknown suite', () => put(10, '\x09')),
  edited('core', 'core-flag', 'a flag', () => put(11, '\x01')),
  edited('core', 'core-segment-odd', 'segments of 4097 bytes', () => put(44, u32(4097))),
  edited('core', 'core-segment-small', 'segments of 2048 bytes', () => put(44, u32(2048))),
  edited('core', 'core-segment-large', 'segments of 32 MiB', () => put(44, u32(2 ** 25))),
  edited('core', 'core-slot-none', 'slots of no bytes', () => put(48, u32(0))),
  edited('core', 'core-slot-odd', 'slots of 4097 bytes', () => put(48, u32(4097))),
  edited('core', 'core-slot-large', 'slots of 64 MiB and 4 KiB', () =>
    put(48, u32(2 ** 26 + 4096)),
  ),
  edited('core', 'core-rest', 'a last byte that is not zero', () => put(4095, '\x01')),
  edited('core', 'core-cut', 'the file ends within the core', ({ length }) => ({
    at: 4000,
    remove: length - 4000,
    insert: '',
  })),
  edited('core', 'core-empty', 'a file of no bytes', ({ length }) => ({
    at: 0,
    remove: length,
    insert: '',
  })),
];

const keyring: readonly Case[] = [
  edited('keyring', 'ring-other-id', 'another archive id in the core', (b) => flip(b, 12)),
  edited('keyring', 'ring-other-author', 'another author in the core', (b) => flip(b, 52)),
  flipped('keyring', 'slotA', 'ring-state', 0, 'a slot in no known state'),
  flipped('keyring', 'slotA', 'ring-length', 15, 'a length that the digest does not cover'),
  edited('keyring', 'ring-long', 'a length beyond the slot', ({ at }) =>
    put(at.slotA + 8, u64(2n ** 40n)),
  ),
  edited('keyring', 'ring-length-2^53', 'a length of 2^53', ({ at }) =>
    put(at.slotA + 8, u64(2n ** 53n)),
  ),
  flipped('keyring', 'slotA', 'ring-digest', 16, 'another digest'),
  flipped('keyring', 'slotA', 'ring-document', 500, 'an altered document'),
  flipped('keyring', 'slotB', 'ring-padding', -1, 'a slot that is not zero to its end'),
  flipped('keyring', 'slotB', 'ring-empty-slot', 9, 'an empty slot that is not zero'),
  flipped('keyring', 'header', 'ring-other-slot', -1, 'an empty slot with a last byte of 1'),
  edited('keyring', 'ring-drafts', 'both slots are being written', ({ at }) => [
    put(at.slotA, 'SRMDRAFT'),
    put(at.slotB, 'SRMDRAFT'),
  ]),
  edited('keyring', 'ring-none', 'both slots are empty', ({ at }) => ({
    at: at.slotA,
    remove: at.slotB - at.slotA,
    insert: '00'.repeat(at.slotB - at.slotA),
  })),
  edited('keyring', 'ring-cut', 'the file ends within a slot', ({ at, length }) => ({
    at: at.slotB + 100,
    remove: length - at.slotB - 100,
    insert: '',
  })),
];

const footer: readonly Case[] = [
  edited('footer', 'footer-magic', 'another magic', (b) => flip(b, b.at.footer)),
  edited('footer', 'footer-sum', 'lengths that do not add up', (b) => flip(b, b.at.footer + 47)),
  edited('footer', 'footer-offset', 'another offset of the manifest', (b) =>
    flip(b, b.at.footer + 15),
  ),
  edited('footer', 'footer-2^53', 'a length of 2^53', ({ at }) =>
    put(at.footer + 16, u64(2n ** 53n)),
  ),
  edited('footer', 'footer-id', 'of another archive', (b) => flip(b, b.at.footer + 50)),
  edited('footer', 'footer-trailing', 'a byte behind the footer', ({ length }) => ({
    at: length,
    remove: 0,
    insert: '00',
  })),
  edited('footer', 'footer-trailing-copy', 'the footer twice', ({ bytes, at, length }) => ({
    at: length,
    remove: 0,
    insert: hex(bytes.subarray(at.footer)),
  })),
  edited(
    'footer',
    'footer-elsewhere',
    'the footer lies in a draft, and its place is damaged',
    (b) => [
      put(b.at.slotB, 'SRMDRAFT'),
      put(b.at.slotB + 64, b.bytes.subarray(b.at.footer)),
      flip(b, b.at.footer),
    ],
  ),
  edited('footer', 'footer-cut', 'the last byte is missing', ({ length }) => ({
    at: length - 1,
    remove: 1,
    insert: '',
  })),
  edited('footer', 'footer-cut-payload', 'the file ends within the payload', (b) => ({
    at: b.at.segments + 5000,
    remove: b.length - b.at.segments - 5000,
    insert: '',
  })),
  edited('footer', 'footer-segment-cut-out', 'a segment is missing', ({ at }) => ({
    at: at.segments,
    remove: 4128,
    insert: '',
  })),
];

const trailer: readonly Case[] = [
  flipped('seal', 'seal', 'seal-altered', 100, 'an altered statement'),
  flipped('seal', 'footer', 'seal-signature', -20, 'an altered signature'),
  flipped('header', 'header', 'header-iv', 20, 'another IV in the FLOE header'),
  flipped('header', 'header', 'header-tag', 60, 'another tag in the FLOE header'),
  flipped('header', 'header', 'header-parameters', 5, 'another parameter in the FLOE header'),
  flipped('manifest', 'manifest', 'manifest-header', 20, 'an altered FLOE header'),
  flipped('manifest', 'manifest', 'manifest-altered', 100, 'an altered byte'),
  flipped('manifest', 'tiles', 'manifest-tag', -1, 'an altered tag'),
  flipped('tree', 'tiles', 'tree-leaf', 0, 'another leaf hash'),
  flipped('tree', 'seal', 'tree-last-leaf', -1, 'another last leaf hash'),
];

const full = 4096 + 32;

const swapped = ({ bytes, at }: Base): Edit => ({
  at: at.segments,
  remove: 2 * full,
  insert:
    hex(bytes.subarray(at.segments + full, at.segments + 2 * full)) +
    hex(bytes.subarray(at.segments, at.segments + full)),
});

const segments: readonly Case[] = [
  edited(
    'segment',
    'segment-first',
    'an altered byte in the first segment',
    (b) => flip(b, b.at.segments + 700),
    { tar: 0, files: ['c.txt'] },
  ),
  edited(
    'segment',
    'segment-middle',
    'an altered byte in the second segment',
    (b) => flip(b, b.at.segments + full + 700),
    { tar: 4096, files: ['a.txt', 'c.txt'] },
  ),
  edited(
    'segment',
    'segment-last',
    'an altered byte in the last segment',
    (b) => flip(b, b.at.segments + 2 * full + 700),
    { tar: 8192, files: ['a.txt', 'dir/b.bin'] },
  ),
  edited(
    'segment',
    'segment-tag',
    'an altered tag of the last segment',
    (b) => flip(b, b.at.manifest - 1),
    { tar: 8192, files: ['a.txt', 'dir/b.bin'] },
  ),
  edited(
    'segment',
    'segment-length',
    'the first segment states that it is the last',
    ({ at }) => put(at.segments, u32(full)),
    { tar: 0, files: ['c.txt'] },
  ),
  edited(
    'segment',
    'segment-length-last',
    'the last segment states that it is not the last',
    ({ at }) => put(at.segments + 2 * full, u32(0xffffffff)),
    { tar: 8192, files: ['a.txt', 'dir/b.bin'] },
  ),
  edited(
    'segment',
    'segment-iv',
    'another IV of the second segment',
    (b) => flip(b, b.at.segments + full + 4),
    { tar: 4096, files: ['a.txt', 'c.txt'] },
  ),
  edited('segment', 'segment-swapped', 'the first two segments change places', swapped, {
    tar: 0,
    files: ['c.txt'],
  }),
];

export const altered: readonly Case[] = [...core, ...keyring, ...footer, ...trailer, ...segments];

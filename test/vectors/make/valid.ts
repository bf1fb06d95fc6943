/** Archives that every reader opens. */
import { directory, file, header, longName, member, pax, tar } from '../../support/tar.ts';
import type { Case } from './case.ts';

const noise = (length: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 2654435761 + (i >> 8) * 97) >>> 13);

/** Three segments: `a.txt` in the first, `dir/b.bin` in the first two, `c.txt` in the last. */
export const usualTar = tar(
  file('a.txt', 'first file'),
  directory('dir/'),
  member(noise(6000), { name: 'dir/b.bin' }),
  file('c.txt', 'last file'),
);

/** The same files in one segment, and no zero blocks at the end: where segments do not matter. */
export const smallTar: Uint8Array = Buffer.concat([
  file('a.txt', 'first file'),
  file('dir/b.bin', 'bytes'),
  file('c.txt', 'last file'),
]);

export const valid: readonly Case[] = [
  { name: 'three-segments', what: 'files and a directory in three segments', design: () => ({}) },
  {
    name: 'one-segment',
    what: 'one file in one segment',
    design: () => ({ tar: tar(file('a.txt', 'x')) }),
  },
  {
    name: 'whole-segments',
    what: 'the plaintext ends with a full segment',
    design: () => ({ tar: tar(member(noise(6656), { name: 'b.bin' })) }),
  },
  { name: 'no-files', what: 'two zero blocks and nothing else', design: () => ({ tar: tar() }) },
  {
    name: 'empty-tar',
    what: 'a plaintext of no bytes: one segment that holds none',
    design: () => ({ tar: new Uint8Array() }),
  },
  {
    name: 'hidden-recipients',
    what: 'stanzas that name nobody; the second one fits',
    design: ({ people }) => ({
      slots: [{ recipients: [people.other.card, people.reader.card], hide: true }, undefined],
    }),
  },
  {
    name: 'slot-b',
    what: 'slot A is empty and slot B in force',
    design: ({ honest: [ring] }) => ({ slots: [undefined, ring] }),
  },
  {
    name: 'two-epochs',
    what: 'slot A holds epoch 1, which names someone else, and slot B epoch 2',
    design: ({ people }) => ({
      slots: [{ recipients: [people.other.card] }, { recipients: [people.reader.card], epoch: 2 }],
    }),
  },
  {
    name: 'older-epoch-unsigned',
    what: 'the ring that does not count has wrong signatures, which nobody looks at',
    design: ({ people }) => ({
      slots: [
        { recipients: [people.other.card], signer: people.stranger },
        { recipients: [people.reader.card], epoch: 2 },
      ],
    }),
  },
  {
    name: 'draft',
    what: 'a writer was interrupted while it wrote slot B',
    design: ({ honest: [ring], slotBytes }) => ({
      slots: [ring, Buffer.alloc(slotBytes, 'x').fill('SRMDRAFT', 0, 8)],
    }),
  },
  {
    name: 'detached-ring',
    what: 'a detached key ring, and slots that cannot be read',
    detached: true,
    edits: ({ at }) => [
      { at: at.slotA, remove: 8, insert: 'ff'.repeat(8) },
      { at: at.slotB, remove: 8, insert: 'ff'.repeat(8) },
    ],
  },
  {
    name: 'granted-by-custodian',
    what: 'the key ring is signed by a custodian who is trusted as one',
    custodians: ['custodian'],
    design: ({ people }) => ({
      slots: [{ recipients: [people.reader.card], signer: people.custodian }, undefined],
    }),
  },
  {
    name: 'claims',
    what: 'claims with every kind of value, in order of UTF-16 units, and a predecessor',
    design: ({ people: { author } }) => ({
      seal: {
        claims: { ﬁ: [' ', true, 2 ** 53 - 1], '😀': { '"\\\b': {} } },
        rekeyed: [
          {
            archive: '11'.repeat(32),
            author: { keys: author.card.signing.map(({ id }) => id), name: 'author' },
            contentRoot: '22'.repeat(author.card.suite.hash.bytes),
            time: '2026-05-01T00:00:00Z',
          },
        ],
      },
    }),
  },
  {
    name: 'oms-digests',
    what: 'digests of files in the manifest',
    design: () => ({
      manifest: (manifest) => ({
        ...manifest,
        oms: { digests: [['00'.repeat(32)], ['00'.repeat(32)], ['00'.repeat(32)]], name: 'model' },
      }),
    }),
  },
  {
    name: 'names',
    what: 'names in pax records, of GNU tar, split into a prefix, and not in ASCII',
    design: () => ({
      tar: tar(
        pax({ path: `${'pax/'.repeat(30)}gewichte-ä.bin`, comment: 'ignored' }),
        file('x', 'pax'),
        longName(`${'gnu/'.repeat(30)}b`),
        member('gnu', { name: 'y', magic: 'ustar  \0' }),
        header({ name: 'c', prefix: 'prefix' }),
        file('日本語', 'unicode'),
      ),
    }),
  },
  {
    name: 'no-end-blocks',
    what: 'a tar that ends without zero blocks, sealed as it came',
    design: () => ({ tar: file('a.txt', 'x') }),
  },
];

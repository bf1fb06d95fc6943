/**
 * Archives that someone made wrong who has keys: recipients, who have the file key, and authors,
 * whose signature holds. Digests, MACs and signatures are right unless they are what is wrong.
 */
import { stanzaFor } from '#strongroom/archive/keyring.js';
import { createSegmentCipher, startDecryption } from '#strongroom/crypto/floe.js';
import type { Card } from '#strongroom/index.js';
import { directory, file, header, member, pax, record, tar } from '../../support/tar.ts';
import { type Document, segmentBytes, type Tools } from './archive.ts';
import type { Case, Context, Layer, Released } from './case.ts';
import { smallTar, usualTar } from './valid.ts';

type Ring = NonNullable<Exclude<Context['honest'][0], Uint8Array>>;

const ring = (
  layer: Layer,
  name: string,
  what: string,
  change: (context: Context) => Partial<Ring>,
  more: Partial<Case> = {},
): Case => ({
  layer,
  name,
  what,
  design: (context) => ({
    slots: [{ recipients: [context.people.reader.card], ...change(context) }, undefined],
  }),
  ...more,
});

const body = (layer: Layer, name: string, what: string, change: Ring['body'] & object) =>
  ring(layer, name, what, () => ({ body: change }));

const document = (name: string, what: string, change: (document: Document) => Document) =>
  ring('keyring', name, what, () => ({ document: change }));

const canonical = (value: Document): string => JSON.stringify(value);

const keyring: readonly Case[] = [
  document('ring-space', 'a space in the document', (d) => canonical(d).replace(':[', ': [')),
  document('ring-newline', 'a newline behind the document', (d) => `${canonical(d)}\n`),
  document('ring-order', 'members in another order', ({ signatures, signed }) =>
    canonical({ signed, signatures }),
  ),
  document('ring-escape', 'an escape that is not needed', (d) =>
    canonical(d).replace('"strongroom/', '"strongroom\\/'),
  ),
  document('ring-twice', 'a member twice', (d) =>
    canonical(d).replace('"epoch":1', '"epoch":1,"epoch":1'),
  ),
  document('ring-base64', 'base64 with trailing bits', (d) => {
    const last = d.signatures.at(-1);
    const sig = last.sig.replace(/(.)(=+)$/, (_: string, c: string, end: string) => {
      const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
      return `${digits[digits.indexOf(c) + 1]}${end}`;
    });
    return { ...d, signatures: [...d.signatures.slice(0, -1), { ...last, sig }] };
  }),
  body('keyring', 'ring-member', 'a member that the format does not name', (b) => ({
    ...b,
    comment: '',
  })),
  body('keyring', 'ring-epoch', 'epoch 0', (b) => ({ ...b, epoch: 0 })),
  body('keyring', 'ring-previous', 'a first ring that names one before', (b) => ({
    ...b,
    previous: Buffer.alloc(48).toString('base64'),
  })),
  body('keyring', 'ring-no-previous', 'epoch 2 without the one before', (b) => ({
    ...b,
    epoch: 2,
  })),
  body('keyring', 'ring-nobody', 'neither stanzas nor quorums', (b) => ({ ...b, recipients: [] })),
  body('keyring', 'ring-type', 'another type', (b) => ({ ...b, type: 'strongroom/card' })),
  body('keyring', 'ring-time', 'a time with a fraction', (b) => ({
    ...b,
    created: '2026-06-01T12:00:00.0Z',
  })),
  body('keyring', 'ring-leap-day', 'a day that is none', (b) => ({
    ...b,
    created: '2026-02-29T12:00:00Z',
  })),
  body('keyring', 'ring-two-stanzas', 'two stanzas name one key', (b) => ({
    ...b,
    recipients: [...b.recipients, ...b.recipients],
  })),
  body('keyring', 'ring-enc', 'an encapsulation that is a byte short', (b) => ({
    ...b,
    recipients: b.recipients.map((stanza: Document) => ({
      ...stanza,
      enc: Buffer.from(stanza.enc, 'base64').subarray(1).toString('base64'),
    })),
  })),
  body('keyring', 'ring-of-another-core', 'the hash of another core', (b) => ({
    ...b,
    core: Buffer.alloc(48, 1).toString('base64'),
  })),
  {
    layer: 'keyring',
    name: 'ring-one-epoch',
    what: 'two rings of one epoch',
    design: ({ people }) => ({
      slots: [{ recipients: [people.reader.card] }, { recipients: [people.other.card] }],
    }),
  },
  {
    layer: 'keyring',
    name: 'ring-older-malformed',
    what: 'the ring that does not count has a member too many',
    design: ({ people }) => ({
      slots: [
        { recipients: [people.other.card], body: (b) => ({ ...b, comment: '' }) },
        { recipients: [people.reader.card], epoch: 2 },
      ],
    }),
  },
];

const flipText = (digits: string) => {
  const bytes = Buffer.from(digits, 'base64');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString('base64');
};

const zeros = Buffer.alloc(48).toString('base64');

/** Ring and seal commit to no key at all, and agree. */
const otherCommit = (
  layer: Layer,
  name: string,
  what: string,
  change: (body: Document, tools: Tools & { readonly reader: Card }) => Document,
): Case => ({
  layer,
  name,
  what,
  design: ({ people: { reader } }) => ({
    slots: [
      {
        recipients: [reader.card],
        body: (b, tools) => {
          const keys = { ...tools.keys, commit: new Uint8Array(48) };
          return { ...change(b, { ...tools, keys, reader: reader.card }), commit: zeros };
        },
      },
      undefined,
    ],
    statement: (s) => ({ ...s, predicate: { ...s.predicate, commit: zeros } }),
  }),
});

const access: readonly Case[] = [
  ring('stanza', 'stanza-stranger', 'no stanza for this identity', () => ({}), {
    identity: 'stranger',
  }),
  ring('stanza', 'stanza-other-suite', 'an identity of the other suite', () => ({}), {
    identity: 'reader of the other suite',
  }),
  body('stanza', 'stanza-altered', 'a stanza whose sealed key was altered', (b) => ({
    ...b,
    recipients: b.recipients.map((s: Document) => ({ ...s, sealed: flipText(s.sealed) })),
  })),
  body('stanza', 'stanza-enc', 'a stanza whose encapsulation was altered', (b) => ({
    ...b,
    recipients: b.recipients.map((s: Document) => ({ ...s, enc: flipText(s.enc) })),
  })),
  ring(
    'stanza',
    'stanza-named-fails',
    'the stanza that names the identity fails, and a hidden one would fit',
    ({ people }) => ({
      recipients: [people.reader.card, people.reader.card],
      body: (b) => {
        const [first, { key: _, ...second }] = b.recipients;
        return { ...b, recipients: [{ ...first, sealed: flipText(first.sealed) }, second] };
      },
    }),
  ),
  otherCommit(
    'stanza',
    'stanza-other-commit',
    'a stanza for another commitment than the ring has',
    (b) => b,
  ),
  otherCommit(
    'commit',
    'commit-altered',
    'ring, stanza and seal commit to another key',
    (b, tools) => ({
      ...b,
      recipients: [stanzaFor(tools.reader, tools.fileKey, tools.core, tools.keys, false)],
    }),
  ),
  ring('mac', 'mac-altered', 'a MAC of someone without the file key', () => ({
    signed: (s) => ({ ...s, mac: flipText(s.mac) }),
  })),
  ring('mac', 'mac-content', 'a reason that was added behind the MAC', () => ({
    signed: (s) => ({ ...s, reason: 'changed' }),
  })),
  ring('grant', 'grant-stranger', 'signed by another recipient', ({ people }) => ({
    signer: people.other,
  })),
  ring('grant', 'grant-custodian', 'signed by a custodian who is not trusted', ({ people }) => ({
    signer: people.custodian,
  })),
  ring('grant', 'grant-altered', 'an altered first signature', () => ({
    document: ({ signatures: [first, ...rest], signed }) => ({
      signatures: [{ ...first, sig: flipText(first.sig) }, ...rest],
      signed,
    }),
  })),
  ring('grant', 'grant-last-altered', 'an altered last signature', () => ({
    document: ({ signatures, signed }) => ({
      signatures: [
        ...signatures.slice(0, -1),
        { ...signatures.at(-1), sig: flipText(signatures.at(-1).sig) },
      ],
      signed,
    }),
  })),
  ring('grant', 'grant-early', 'granted before the card of the author was valid', () => ({
    body: (b) => ({ ...b, created: '2025-12-31T23:59:59Z' }),
  })),
  ring('grant', 'grant-expired', 'granted when the card had expired', () => ({
    body: (b) => ({ ...b, created: '2027-01-01T00:00:00Z' }),
  })),
];

/** Number or length of signatures: docs/format.md has a reader check it with the document. */
const signatures: readonly Case[] = [
  document('ring-no-signature', 'no signature', (d) => ({ ...d, signatures: [] })),
  document('ring-signature-twice', 'the last signature twice', (d) => ({
    ...d,
    signatures: [...d.signatures, d.signatures.at(-1)],
  })),
  document('ring-signature-short', 'a signature that is a byte short', (d) => ({
    ...d,
    signatures: d.signatures.map((one: Document) => ({
      ...one,
      sig: Buffer.from(one.sig, 'base64').subarray(1).toString('base64'),
    })),
  })),
];

const statement = (
  name: string,
  what: string,
  change: (predicate: Document) => Document,
): Case => ({
  layer: 'seal',
  name,
  what,
  design: () => ({ statement: (s) => ({ ...s, predicate: change(s.predicate) }) }),
});

const envelope = (name: string, what: string, change: (envelope: Document) => Document): Case => ({
  layer: 'seal',
  name,
  what,
  design: () => ({ envelope: change }),
});

const seals: readonly Case[] = [
  {
    layer: 'seal',
    name: 'seal-stranger',
    what: 'signed by a recipient, who has the file key',
    design: ({ people }) => ({ sealer: people.other }),
  },
  envelope('seal-space', 'a space in the envelope', (e) => canonical(e).replace(':', ': ')),
  envelope('seal-member', 'a member that the format does not name', (e) => ({ ...e, comment: '' })),
  envelope('seal-type', 'another payload type', (e) => ({ ...e, payloadType: 'text/plain' })),
  envelope('seal-no-signature', 'no signature', (e) => ({ ...e, signatures: [] })),
  envelope('seal-signature-twice', 'the last signature twice', (e) => ({
    ...e,
    signatures: [...e.signatures, e.signatures.at(-1)],
  })),
  statement('seal-predicate', 'a member that the format does not name', (p) => ({ ...p, x: 1 })),
  statement('seal-archive', 'the id of another archive', (p) => ({
    ...p,
    archive: '11'.repeat(32),
  })),
  statement('seal-core', 'the hash of another core', (p) => ({
    ...p,
    core: Buffer.alloc(48, 1).toString('base64'),
  })),
  statement('seal-commit', 'a commitment to another file key', (p) => ({
    ...p,
    commit: Buffer.alloc(48, 1).toString('base64'),
  })),
  statement('seal-suite', 'the other suite', (p) => ({
    ...p,
    suite: p.suite === 'hybrid' ? 'cnsa2' : 'hybrid',
  })),
  statement('seal-author', 'the keys of another author', (p) => ({
    ...p,
    author: { ...p.author, keys: p.author.keys.map(() => '11'.repeat(32)) },
  })),
  statement('seal-name', 'a control character in the name', (p) => ({
    ...p,
    author: { ...p.author, name: 'a\u001b[2J' },
  })),
  statement('seal-invisible-name', 'an invisible character in the name', (p) => ({
    ...p,
    author: { ...p.author, name: 'a\u200bb' },
  })),
  statement('seal-segments', 'more segments than the length makes', (p) => ({
    ...p,
    payload: { ...p.payload, segments: p.payload.segments + 1 },
  })),
  statement('seal-length', 'another length of the payload', (p) => ({
    ...p,
    payload: { ...p.payload, length: p.payload.length - 1 },
  })),
  statement('seal-manifest', 'another length of the manifest', (p) => ({
    ...p,
    manifest: { ...p.manifest, length: p.manifest.length + 1 },
  })),
  statement('seal-claims', 'a number in the claims that is not an integer', (p) => ({
    ...p,
    claims: { epochs: 1.5 },
  })),
  statement('seal-early', 'sealed before the card of the author was valid', (p) => ({
    ...p,
    time: '2025-12-31T23:59:59Z',
  })),
  {
    layer: 'seal',
    name: 'seal-subjects',
    what: 'two subjects',
    design: () => ({ statement: (s) => ({ ...s, subject: [...s.subject, ...s.subject] }) }),
  },
  {
    layer: 'segment',
    name: 'seal-root',
    what: 'a content root that the leaves do not give',
    design: () => ({
      statement: (s) => {
        const [[name, root]] = Object.entries(s.subject[0].digest) as [[string, string]];
        return { ...s, subject: [{ digest: { [name]: root.replace(/^../, '00') } }] };
      },
    }),
  },
];

const flipAt = (bytes: Uint8Array, at: number) => {
  const out = Uint8Array.from(bytes);
  out[at] = (out[at] ?? 0) ^ 1;
  return out;
};

const full = segmentBytes + 32;

const keyed: readonly Case[] = [
  {
    layer: 'header-key',
    name: 'header-key-tag',
    what: 'the author sealed a FLOE header whose tag does not fit the key',
    design: () => ({ ciphertext: (payload) => flipAt(payload, 60) }),
  },
  {
    layer: 'segment-key',
    name: 'segment-key-middle',
    what: 'the author sealed a second segment that does not decrypt',
    design: () => ({
      tar: usualTar,
      ciphertext: (payload) => flipAt(payload, 74 + full + 700),
    }),
    released: { tar: 4096, files: ['a.txt', 'c.txt'] },
  },
  {
    layer: 'segment-key',
    name: 'segment-key-not-final',
    what: 'the author sealed a last segment that was encrypted as one that is not',
    design: () => ({
      tar: usualTar,
      ciphertext: (payload, { core, keys }) => {
        const state = startDecryption(
          keys.payload,
          core.hash,
          payload.subarray(0, 74),
          segmentBytes,
        );
        const cipher = createSegmentCipher(state);
        const out = Uint8Array.from(payload);
        const at = 74 + 2 * full;
        const rest = new Uint8Array(segmentBytes);
        rest.set(usualTar.subarray(2 * segmentBytes));
        const whole = new Uint8Array(full);
        cipher.encrypt(rest, 2, false, whole);
        // Nonce of another encryption; its tag is of a longer text
        out.set(whole.subarray(4, 16), at + 4);
        return out;
      },
    }),
    released: { tar: 8192, files: ['a.txt', 'dir/b.bin'] },
  },
  {
    layer: 'contents',
    name: 'contents-key',
    what: 'the author sealed a manifest that does not decrypt',
    design: () => ({ encrypted: (manifest) => flipAt(manifest, 100) }),
  },
];

const contents = (name: string, what: string, change: (manifest: Document) => Document): Case => ({
  layer: 'contents',
  name,
  what,
  design: () => ({ manifest: change }),
});

const firstFile = (change: (entry: Document) => Document) => (m: Document) => ({
  ...m,
  entries: m.entries.map((entry: Document, i: number) => (i === 0 ? change(entry) : entry)),
});

const named = (name: string, what: string, path: string) =>
  contents(
    `contents-${name}`,
    `a path that ${what}`,
    firstFile((e) => ({ ...e, path })),
  );

const manifests: readonly Case[] = [
  contents('contents-space', 'a space in the manifest', (m) => canonical(m).replace(':[', ': [')),
  contents('contents-member', 'a member that the format does not name', (m) => ({ ...m, x: 1 })),
  contents(
    'contents-entry-member',
    'a member of an entry that it does not name',
    firstFile((e) => ({ ...e, uid: 0 })),
  ),
  contents('contents-length', 'another length than the seal', (m) => ({ ...m, length: 1 })),
  contents(
    'contents-mode',
    'a mode of 0o1000',
    firstFile((e) => ({ ...e, mode: 0o1000 })),
  ),
  contents(
    'contents-mtime',
    'a time after 2^33',
    firstFile((e) => ({ ...e, mtime: 2 ** 33 + 1 })),
  ),
  contents(
    'contents-overlap',
    'files that overlap',
    firstFile((e) => ({ ...e, size: 2048 })),
  ),
  contents('contents-beyond', 'a file that ends beyond the payload', (m) => ({
    ...m,
    entries: m.entries.map((e: Document) => (e.path === 'c.txt' ? { ...e, size: 99999 } : e)),
  })),
  contents('contents-case', 'two paths that differ in case', (m) => ({
    ...m,
    entries: m.entries.map((e: Document) => (e.path === 'c.txt' ? { ...e, path: 'A.TXT' } : e)),
  })),
  contents('contents-file-parent', 'a file where another path needs a directory', (m) => ({
    ...m,
    entries: m.entries.map((e: Document) => (e.path === 'a.txt' ? { ...e, path: 'dir' } : e)),
  })),
  contents('contents-digests', 'digests for fewer files than there are', (m) => ({
    ...m,
    oms: { digests: [], name: 'model' },
  })),
  named('absolute', 'is absolute', '/etc/passwd'),
  named('parent', 'leads out of the directory', '../escape'),
  named('dot', 'has a component "."', 'a/./b'),
  named('backslash', 'has a backslash', '..\\escape'),
  named('colon', 'has a colon', 'C:escape'),
  named('reserved', 'Windows reserves', 'dir/Nul.txt'),
  named('control', 'has a control character', 'a\nb'),
  named('noncharacter', 'has a noncharacter', 'a\uffffb'),
  named('trailing-dot', 'ends in a dot', 'a.'),
];

const tars: readonly (readonly [name: string, what: string, tar: Uint8Array])[] = [
  ['link', 'a symbolic link', tar(header({ type: '2', linkname: '/etc' }))],
  ['hard-link', 'a hard link', tar(header({ type: '1', linkname: 'a' }))],
  ['device', 'a device', tar(header({ type: '3' }))],
  ['sparse', 'a sparse file', tar(pax({ 'GNU.sparse.major': '1' }), file('a'))],
  ['hidden', 'a file that the manifest does not list', tar(file('a', 'x'))],
  ['checksum', 'a wrong checksum', tar(header({ checksum: (sum) => `${sum + 1}\0 ` }))],
  ['magic', 'no tar at all', new Uint8Array(Buffer.from('not a tar at all'.repeat(64)))],
  ['padding', 'padding that is not zero', tar(header({ size: 1 }), new Uint8Array(512).fill(1))],
  ['behind', 'bytes behind the end', Buffer.concat([tar(), Buffer.alloc(512, 1)])],
  ['half-block', 'half a block at the end', Buffer.concat([tar(), Buffer.alloc(100)])],
  ['size', 'a size in a pax record that differs', tar(pax({ size: '1' }), file('a', 'data'))],
  ['twice', 'a pax record twice', tar(pax(record('path', 'a') + record('path', 'b')), file('x'))],
  ['global-path', 'a path for all', tar(member(record('path', 'b'), { type: 'g' }), file('a'))],
  ['directory-size', 'a directory with a size', tar(header({ name: 'd/', type: '5', size: 1 }))],
];

/** The tar says otherwise than the manifest, of the second file. */
const differing = (name: string, what: string, change: (entry: Document) => Document): Case => ({
  layer: 'tar',
  name: `tar-other-${name}`,
  what: `another ${what} of one file than the manifest has`,
  design: () => ({
    manifest: (m) => ({
      ...m,
      entries: m.entries.map((e: Document) => (e.path === 'c.txt' ? change(e) : e)),
    }),
  }),
  released: { tar: 0, files: ['a.txt', 'dir/b.bin'] } satisfies Released,
});

const streams: readonly Case[] = [
  ...tars.map(
    ([name, what, bytes]): Case => ({
      layer: 'tar',
      name: `tar-${name}`,
      what: `a tar with ${what}`,
      design: () => ({ tar: bytes, entries: [] }),
    }),
  ),
  differing('name', 'name', (e) => ({ ...e, path: 'd.txt' })),
  differing('size', 'size', (e) => ({ ...e, size: e.size - 1 })),
  differing('mode', 'mode', (e) => ({ ...e, mode: 0o755 })),
  differing('time', 'time', (e) => ({ ...e, mtime: e.mtime + 1 })),
  differing('offset', 'offset', (e) => ({ ...e, offset: e.offset + 1, size: e.size - 1 })),
  {
    layer: 'tar',
    name: 'tar-other-type',
    what: 'a directory where the tar has a file',
    design: () => ({
      tar: tar(file('a'), directory('d/')),
      manifest: firstFile(({ mode, mtime, path }) => ({ mode, mtime, path, type: 'directory' })),
    }),
  },
];

/** In one segment, unless it matters. */
const small = (one: Case): Case => ({
  ...one,
  design: (context) => ({ tar: smallTar, ...one.design?.(context) }),
});

/** Rules that know no suite: every other one is shown in this suite, the rest in that. */
const inTurn = (one: Case, i: number): Case => ({
  ...one,
  suite: i % 2 === 0 ? 'hybrid' : 'cnsa2',
});

export const forged: readonly Case[] = [
  ...[...keyring, ...signatures, ...access, ...seals, ...keyed].map(small),
  ...[...manifests, ...streams].map(small).map(inTurn),
];

/** Must hold: parts of another archive, or words of another person, do not pass. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeSlot } from '#strongroom/archive/slots.js';
import {
  createSegmentCipher,
  decryptAll,
  encryptAll,
  floeHeaderBytes,
  startDecryption,
} from '#strongroom/crypto/floe.js';
import { hmacSha384 } from '#strongroom/crypto/kdf.js';
import { list, open, trustCards, verify } from '#strongroom/index.js';
import { encodeJson } from '#strongroom/json.js';
import { signBytes, signDocument } from '#strongroom/keys/signed.js';
import {
  leftovers,
  makeArchive,
  noise,
  outcome,
  people,
  regionsOf,
  segmentBytes,
  sharedWorkspace,
  workspace,
} from '../support/archive.ts';
import {
  assemble,
  keysOf,
  type Parts,
  partsOf,
  segmentsOf,
  signStatement,
  slotOf,
  treeOf,
} from '../support/forge.ts';
import { pipedProcess } from '../support/piped.ts';

const who = people();
const { author, reader, insider, stranger } = who;
const run = pipedProcess();
const shared = sharedWorkspace();
const files = { 'a.bin': noise(6 * segmentBytes), 'b.txt': 'b' };
const ringType = 'application/vnd.strongroom.keyring.v1+json';

let first: Parts;
let twin: Parts;
let bytes: Buffer;

beforeAll(async () => {
  // Two of the same author, recipients and plaintext
  bytes = readFileSync(await makeArchive(shared, { who, files, name: 'first' }));
  first = partsOf(bytes);
  twin = partsOf(readFileSync(await makeArchive(shared, { who, files, name: 'twin' })));
});

/** Codes of all ways to read; `list` reads no segment. */
async function refusals(archive: Uint8Array, trust = [author.card]) {
  const root = workspace();
  const path = join(root, 'archive');
  const output = join(root, 'out');
  writeFileSync(path, archive);
  const access = { identity: reader, trust: trustCards(trust) };
  const options = { output };
  const found = [
    await outcome(() => list(path, access)),
    await outcome(() => verify(path, { trust: access.trust })),
    await outcome(() => verify(path, access)),
    await outcome(() => open(path, { ...access, output })),
    await run({ operation: 'open', path: '-', input: path, identity: reader, trust, options }),
  ];
  expect(leftovers(root, 'archive')).toEqual([]);
  return found;
}

const everywhere = (code: string) => Array(5).fill(code);

describe('parts of a twin: same author, recipients and plaintext', () => {
  const cases: [string, (first: Parts, twin: Parts) => Parts, string[]][] = [
    ['core', (a, b) => ({ ...a, core: b.core }), everywhere('KEYRING_MISMATCH')],
    ['key ring', (a, b) => ({ ...a, slotA: b.slotA }), everywhere('KEYRING_MISMATCH')],
    ['key ring in slot B', (a, b) => ({ ...a, slotB: b.slotA }), everywhere('KEYRING_MISMATCH')],
    // On a pipe the payload comes before the trailer: it is under another key.
    [
      'front',
      (a, b) => ({ ...a, core: b.core, slotA: b.slotA }),
      [...Array(4).fill('SEAL_MISMATCH'), 'PAYLOAD_INVALID'],
    ],
    ['payload', (a, b) => ({ ...a, payload: b.payload }), everywhere('PAYLOAD_INVALID')],
    ['manifest', (a, b) => ({ ...a, manifest: b.manifest }), everywhere('MANIFEST_INVALID')],
    ['tiles', (a, b) => ({ ...a, tiles: b.tiles }), ['accepted', ...Array(4).fill('TREE_INVALID')]],
    ['seal', (a, b) => ({ ...a, seal: b.seal }), everywhere('SEAL_MISMATCH')],
  ];
  it.each(cases)('%s', async (_, splice, codes) => {
    expect(await refusals(assemble(splice(first, twin)))).toEqual(codes);
  });

  it('trailer as a whole, footer included', async () => {
    const { at } = regionsOf(bytes);
    const other = assemble(twin);
    const spliced = Buffer.concat([
      bytes.subarray(0, at.segments[1]),
      other.subarray(at.manifest[0]),
    ]);
    expect(await refusals(spliced)).toEqual(everywhere('SEAL_MISMATCH'));
  });
});

describe('segments', () => {
  const arranged = (order: (segments: Uint8Array[]) => Uint8Array[]) => {
    const { core, payload } = first;
    const header = payload.subarray(0, floeHeaderBytes);
    return Buffer.concat([header, ...order(segmentsOf(core, payload))]);
  };
  const sameLength: [string, (segments: Uint8Array[]) => Uint8Array[]][] = [
    ['swapped', ([a, b, ...rest]) => [b, a, ...rest] as Uint8Array[]],
    ['repeated', ([a, , ...rest]) => [a, a, ...rest] as Uint8Array[]],
    ['zeros', ([a, b, ...rest]) => [a, new Uint8Array(b?.length ?? 0), ...rest] as Uint8Array[]],
  ];
  it.each(sameLength)('%s', async (_, order) => {
    const archive = assemble({ ...first, payload: arranged(order) });
    const codes = await refusals(archive);
    expect(codes).toEqual(['accepted', ...Array(4).fill('SEGMENT_INVALID')]);
  });

  it.each(sameLength)('%s, with a tree that fits', async (_, order) => {
    const payload = arranged(order);
    const { tiles } = treeOf(first.core, payload);
    const codes = await refusals(assemble({ ...first, payload, tiles }));
    expect(codes).toEqual(['accepted', ...Array(3).fill('TREE_INVALID'), 'SEGMENT_INVALID']);
  });

  const otherLength: typeof sameLength = [
    ['the first dropped', ([, ...rest]) => rest],
    ['the last dropped', (all) => all.slice(0, -1)],
    ['one more', ([a, ...rest]) => [a, a, ...rest] as Uint8Array[]],
    ['none', () => []],
  ];
  it.each(otherLength)('%s, with a footer that fits', async (_, order) => {
    const codes = await refusals(assemble({ ...first, payload: arranged(order) }));
    expect(codes.slice(0, 4)).toEqual(Array(4).fill('SEAL_MISMATCH'));
    expect(codes[4]).toMatch(/^(SEGMENT_INVALID|TRUNCATED)$/);
  });
});

interface Signed {
  signatures: { keyid: string; sig: string }[];
}

/** Ways to spoil the two signatures of a document; `other` are a trusted stranger's. */
const spoilt: [
  string,
  (signatures: Signed['signatures'], other: Signed['signatures']) => unknown,
][] = [
  ['none', () => []],
  ['the quantum-safe one alone', ([a]) => [a]],
  ['the classical one alone', ([, b]) => [b]],
  ['in the other order', ([a, b]) => [b, a]],
  ['the first twice', ([a]) => [a, a]],
  ['doubled', (both) => [...both, ...both]],
  ["another's", (_, other) => other],
  ["one of another's", ([a], [, d]) => [a, d]],
  [
    "another's under the right ids",
    (own, other) => own.map(({ keyid }, i) => ({ keyid, sig: other[i]?.sig })),
  ],
  [
    'the right ones under other ids',
    (own, other) => own.map(({ sig }, i) => ({ keyid: other[i]?.keyid, sig })),
  ],
  ['one emptied', ([a, b]) => [a, { ...b, sig: '' }]],
  ['one in another spelling', ([a, b]) => [a, { ...b, sig: `${b?.sig}\n` }]],
  ['one of zeros', ([a, b]) => [{ ...a, sig: Buffer.alloc(3309).toString('base64') }, b]],
];

describe.each(spoilt)('signatures: %s', (name, spoil) => {
  const trust = [author.card, stranger.card];

  it('on the seal', async () => {
    const envelope = JSON.parse(Buffer.from(first.seal).toString());
    const body = Buffer.from(envelope.payload, 'base64');
    const other = signBytes('application/vnd.in-toto+json', body, stranger);
    const seal = encodeJson({ ...envelope, signatures: spoil(envelope.signatures, other) });
    const codes = await refusals(assemble({ ...first, seal }), trust);
    expect(codes).toEqual(everywhere('SEAL_UNTRUSTED'));
  });

  it('on the key ring', async () => {
    const document = JSON.parse(Buffer.from(decodeSlot(first.slotA, 'A', '') ?? []).toString());
    const other = signDocument(ringType, document.signed, stranger).signatures;
    const signatures = spoil(document.signatures, [...other]);
    const slotA = slotOf(first.core, { ...document, signatures });
    // Whoever is trusted may grant access, and so sign a ring, but not in another's name.
    const trusted = name === "another's" ? [author.card] : trust;
    const codes = await refusals(assemble({ ...first, slotA }), trusted);
    expect(codes).toEqual(everywhere('KEYRING_UNTRUSTED'));
  });
});

describe('a recipient who has the file key', () => {
  it('cannot change a segment', async () => {
    const { core } = first;
    const { keys } = await keysOf(bytes, insider);
    const header = first.payload.subarray(0, floeHeaderBytes);
    const state = startDecryption(keys.payload, core.hash, header, core.segmentBytes);
    const cipher = createSegmentCipher(state);
    const forged = Buffer.from(first.payload);
    const plaintext = noise(segmentBytes, 99);
    cipher.encrypt(plaintext, 2, false, forged.subarray(floeHeaderBytes + 2 * (segmentBytes + 32)));
    const codes = ['accepted', ...Array(4).fill('SEGMENT_INVALID')];
    expect(await refusals(assemble({ ...first, payload: forged }))).toEqual(codes);

    // With tiles that fit, a tree that does not lead to the sealed root
    const { tiles, root } = treeOf(core, forged);
    const codesOfTree = ['accepted', ...Array(3).fill('TREE_INVALID'), 'SEGMENT_INVALID'];
    expect(await refusals(assemble({ ...first, payload: forged, tiles }))).toEqual(codesOfTree);

    // With the new root in a statement that only the insider can sign
    const envelope = JSON.parse(Buffer.from(first.seal).toString());
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
    statement.subject[0].digest['strongroom-tree-blake3'] = Buffer.from(root).toString('hex');
    const signed = signStatement(statement, insider);
    const unsigned = encodeJson({
      ...envelope,
      payload: Buffer.from(encodeJson(statement)).toString('base64'),
    });
    for (const seal of [signed, unsigned]) {
      const archive = assemble({ ...first, payload: forged, tiles, seal });
      expect(await refusals(archive)).toEqual(everywhere('SEAL_UNTRUSTED'));
      expect(await refusals(archive, [author.card, insider.card])).toEqual(
        everywhere('SEAL_UNTRUSTED'),
      );
    }
  });

  it('cannot name themselves as the author', async () => {
    const envelope = JSON.parse(Buffer.from(first.seal).toString());
    const statement = JSON.parse(Buffer.from(envelope.payload, 'base64').toString());
    statement.predicate.author = {
      keys: insider.card.signing.map(({ id }) => id),
      name: author.card.name,
    };
    const seal = signStatement(statement, insider);
    expect(await refusals(assemble({ ...first, seal }))).toEqual(everywhere('SEAL_MISMATCH'));
  });

  it('cannot replace the manifest', async () => {
    const { core } = first;
    const { keys } = await keysOf(bytes, insider);
    const plain = decryptAll(keys.manifest, core.hash, segmentBytes, first.manifest);
    const renamed = Buffer.from(Buffer.from(plain).toString().replace('b.txt', 'c.txt'));
    const manifest = encryptAll(keys.manifest, core.hash, segmentBytes, renamed);
    expect(manifest.length).toBe(first.manifest.length);
    expect(await refusals(assemble({ ...first, manifest }))).toEqual(
      everywhere('MANIFEST_INVALID'),
    );
  });

  it('cannot rewrite the key ring', async () => {
    const { core, ring, keys } = await keysOf(bytes, insider);
    const { mac: _, ...body } = ring.document.signed;
    const base64 = (part: Uint8Array) => Buffer.from(part).toString('base64');
    const rewritten = (change: object, signer: typeof insider, right = true) => {
      const changed = { ...body, ...change };
      const mac = base64(
        right ? hmacSha384(keys.keyring, encodeJson(changed)) : new Uint8Array(48),
      );
      return signDocument(ringType, { ...changed, mac }, signer);
    };
    const next = { epoch: 2, previous: base64(new Uint8Array(48)) };
    const otherCommit = rewritten({ commit: base64(new Uint8Array(48)) }, author);
    // With a key, and without one: neither MAC nor stanzas can be checked then.
    const cases: [string, object, string, string][] = [
      ['by the insider', rewritten({}, insider), 'KEYRING_UNTRUSTED', 'KEYRING_UNTRUSTED'],
      ['a wrong MAC', rewritten({}, author, false), 'KEYRING_MAC', 'accepted'],
      ['another commitment', otherCommit, 'NO_KEY_FITS', 'SEAL_MISMATCH'],
      ['no previous one', rewritten({ epoch: 2 }, author), 'KEYRING_INVALID', 'KEYRING_INVALID'],
      [
        'epoch 1 again',
        rewritten({ ...next, epoch: 1 }, author),
        'KEYRING_INVALID',
        'KEYRING_INVALID',
      ],
    ];
    for (const [name, document, code, keyless] of cases) {
      const codes = await refusals(assemble({ ...first, slotA: slotOf(core, document) }));
      // Without a key the order of steps shows: verify holds ring and seal together first.
      expect([codes[0], codes[1], codes[3], codes[4]], name).toEqual([code, keyless, code, code]);
    }
    const slotB = slotOf(core, rewritten(next, insider));
    expect(await refusals(assemble({ ...first, slotB }))).toEqual(everywhere('KEYRING_UNTRUSTED'));
  });
});

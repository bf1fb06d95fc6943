import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64, concat, text, utf8 } from '#strongroom/bytes.js';
import { decodeCheckpoint, encodeCheckpoint } from '#strongroom/provenance/ledger/checkpoint.js';
import { emptyRoot, leafHash } from '#strongroom/provenance/ledger/merkle.js';
import { decodeNote, decodeSignatures, encodeNote } from '#strongroom/provenance/ledger/note.js';
import {
  decodeVkey,
  encodeVkey,
  isOfKey,
  verifyCheckpoint,
} from '#strongroom/provenance/ledger/signatures.js';
import { codeOf } from '../../keys/helpers.ts';
import { logKey, witnessKey } from './helpers.ts';

/** The example of c2sp.org/signed-note. */
const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const example = utf8(`This is an example message.

\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`);

const root = leafHash(utf8('a'));
const checkpoint = { origin: 'example.com/log', size: 1, root };

describe('notes', () => {
  it('are read and verified: the example of the specification', () => {
    const note = decodeNote(example);
    const verifier = decodeVkey(vkey);
    expect(encodeVkey(verifier)).toBe(vkey);
    expect(note?.text).toBe('This is an example message.\n');
    const [signature] = note?.signatures ?? [];
    if (note === undefined || signature === undefined) throw new Error('not read');
    expect(isOfKey(signature, verifier)).toBe(true);
    expect(verifyCheckpoint(verifier, signature, { text: note.text, checkpoint })).toBe(0);
    const altered = { text: 'This is another message.\n', checkpoint };
    expect(verifyCheckpoint(verifier, signature, altered)).toBeUndefined();
    expect(encodeNote(note)).toEqual(example);
  });

  it('may have empty lines', () => {
    const bytes = concat(utf8('one\n\n'), example);
    expect(decodeNote(bytes)?.text).toBe('one\n\nThis is an example message.\n');
  });

  const signature = text(example).split('\n\n')[1] ?? '';
  it.each([
    ['no signature', 'text\n\n'],
    ['no empty line', `text\n${signature}`],
    ['no newline at the end', `text\n\n${signature.trimEnd()}`],
    ['a carriage return', `text\r\n\n${signature}`],
    ['a tab', `te\txt\n\n${signature}`],
    ['a NUL', `te\0xt\n\n${signature}`],
    ['another dash', `text\n\n${signature.replace('\u2014', '-')}`],
    ['a name with a plus', `text\n\n${signature.replace('/foo', '+foo')}`],
    ['a name with a space of Unicode', `text\n\n${signature.replace('/foo', '\u00a0foo')}`],
    ['no name', `text\n\n${signature.replace('example.com/foo', '')}`],
    ['a signature that is an id alone', `text\n\n\u2014 a ${base64(Uint8Array.of(1, 2, 3, 4))}\n`],
    ['base64 of another spelling', `text\n\n${signature.replace('=', '')}`],
    ['too many signatures', `text\n\n${signature.repeat(101)}`],
  ])('are refused with %s', (_, note) => {
    expect(decodeNote(utf8(note))).toBeUndefined();
  });

  it('are refused if they are not UTF-8, or too long', () => {
    expect(decodeNote(concat(Uint8Array.of(0xff), example))).toBeUndefined();
    expect(decodeNote(concat(utf8(`${'a'.repeat(1_000_000)}\n`), example))).toBeUndefined();
  });

  it('are accepted with sixteen signatures and more', () => {
    expect(decodeSignatures(signature.repeat(100))).toHaveLength(100);
  });

  it('never throw, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const note = decodeNote(bytes);
        if (note !== undefined) expect(encodeNote(note)).toEqual(bytes);
      }),
    );
  });
});

describe('checkpoints', () => {
  it('are read back', () => {
    const body = encodeCheckpoint(checkpoint);
    expect(body).toBe(`example.com/log\n1\n${base64(root)}\n`);
    expect(decodeCheckpoint({ text: body })).toEqual(checkpoint);
    expect(decodeCheckpoint({ text: `${body}more\n` })).toEqual(checkpoint);
  });

  const hash = base64(root);
  it.each([
    ['no origin', `\n1\n${hash}\n`],
    ['no root', 'a\n1\n'],
    ['a leading zero', `a\n01\n${hash}\n`],
    ['a sign', `a\n+1\n${hash}\n`],
    ['a size above 2^53', `a\n9007199254740992\n${hash}\n`],
    ['a short root', `a\n1\n${base64(root.subarray(1))}\n`],
    ['an empty extension line', `a\n1\n${hash}\n\nb\n`],
    ['a root that an empty log cannot have', `a\n0\n${hash}\n`],
  ])('are refused with %s', (_, text) => {
    expect(decodeCheckpoint({ text })).toBeUndefined();
  });

  it('of an empty log have the root of nothing', () => {
    expect(decodeCheckpoint({ text: `a\n0\n${base64(emptyRoot)}\n` })?.size).toBe(0);
  });
});

describe('vkeys', () => {
  it('are read back, of every type', () => {
    for (const verifier of [...logKey.verifiers, ...witnessKey.verifiers]) {
      expect(decodeVkey(encodeVkey(verifier))).toEqual(verifier);
    }
  });

  const [ed25519 = ''] = logKey.verifiers.map(encodeVkey);
  // The key itself may hold the sign that parts the three
  const [, name = '', id = '', key = ''] = /^(.*?)\+(.*?)\+(.*)$/.exec(ed25519) ?? [];
  it.each([
    ['another id', `${name}+00000000+${key}`],
    ['an id in capitals', `${name}+ABCDEF01+${key}`],
    ['another name', `example.com/other+${id}+${key}`],
    ['a type that is not known', 'a+00000000+/wAA'],
    ['no key', 'a+00000000+'],
    ['nothing', ''],
    ['no name', `+${id}+${key}`],
  ])('are refused with %s', async (_, vkey) => {
    expect(await codeOf(() => decodeVkey(vkey))).toBe('LEDGER_KEY_INVALID');
  });

  it('are refused with a key of another length', async () => {
    expect(await codeOf(() => decodeVkey('a+00000000+AQAA'))).toBe('KEY_INVALID');
  });
});

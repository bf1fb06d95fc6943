/** Must hold: an author who means harm gets no file outside the output, and no half-opened one. */
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Entry } from '#strongroom/archive/entry.js';
import { readTarEntries } from '#strongroom/archive/tar/read.js';
import { type ErrorCode, list, open } from '#strongroom/index.js';
import { leftovers, outcome, people, workspace } from '../support/archive.ts';
import { forge } from '../support/forge.ts';
import { pipedProcess } from '../support/piped.ts';
import {
  directory,
  file,
  gnuMagic,
  header,
  longName,
  member,
  pax,
  record,
  tar,
  zeros,
} from '../support/tar.ts';

const who = people();
const run = pipedProcess();
const mtime = 1_700_000_000;

type Archive = Omit<Parameters<typeof forge>[0], 'who'>;

/** How an archive is refused: by its list, into a directory, to standard output, from a pipe. */
async function refusals(archive: Archive) {
  const root = workspace();
  const path = join(root, 'archive');
  const stdout = join(root, 'stdout');
  writeFileSync(path, forge({ who, ...archive }));
  const access = { identity: who.reader, trust: [who.author.card] } as const;
  const { trust } = who;
  const read = { identity: who.reader, trust };
  const output = join(root, 'out');
  const found = {
    list: await outcome(() => list(path, read)),
    open: await outcome(() => open(path, { ...read, output })),
    stdout: await run({
      operation: 'open',
      path,
      ...access,
      options: { output: '-' },
      output: stdout,
    }),
    pipe: await run({
      operation: 'open',
      path: '-',
      ...access,
      input: path,
      options: { output },
    }),
  };
  expect(leftovers(root, 'archive', 'stdout')).toEqual([]);
  // Not a byte of plaintext came out before the refusal.
  expect(statSync(stdout).size).toBe(0);
  return found;
}

const entryOf = (path: string, more: Partial<Entry> = {}): Entry =>
  ({ type: 'file', path, size: 4, mode: 0o644, mtime, offset: 512, ...more }) as Entry;

const one = tar(member('data', { name: 'a' }));

describe('an author whose tar and manifest agree on a hostile path', () => {
  const paths: readonly (readonly [name: string, path: string])[] = [
    ['absolute', '/etc/passwd'],
    ['parent', '../escape'],
    ['parent within', 'a/../../escape'],
    ['dot', 'a/./b'],
    ['empty component', 'a//b'],
    ['backslash', '..\\escape'],
    ['drive', 'C:escape'],
    ['stream', 'a:b'],
    ['newline', 'a\nb'],
    ['escape sequence', '\u001b[2Ja'],
    ['C1 control', 'a\u009bb'],
    ['reserved', 'con'],
    ['reserved with an extension', 'a/Lpt¹.txt'],
    ['trailing dot', 'a.'],
    ['trailing space', 'a /b'],
    ['long component', 'x'.repeat(256)],
    ['long component of two-byte characters', 'é'.repeat(128)],
    ['long path', `${'abc/'.repeat(1024)}x`],
  ];
  it.each(paths)('%s', async (_, path) => {
    // pax holds every path as it is
    const bytes = tar(pax({ path }), member('data', { name: 'a' }));
    const offset = bytes.length - 2 * 512 - 512;
    expect(await refusals({ tar: bytes, entries: [entryOf(path, { offset })] })).toEqual({
      list: 'ENTRY_UNSAFE',
      open: 'ENTRY_UNSAFE',
      stdout: 'ENTRY_UNSAFE',
      pipe: 'ENTRY_UNSAFE',
    });
  });

  const pairs: readonly (readonly [name: string, first: string, second: string])[] = [
    ['the same twice', 'a', 'a'],
    ['case', 'Model.bin', 'model.bin'],
    ['case of a parent', 'A/x', 'a/y'],
    ['forms of Unicode', '\u00e9', 'e\u0301'],
    ['sharp s', 'stra\u00dfe', 'STRA\u1e9eE'],
    ['a file as a parent', 'a', 'a/b'],
    ['a parent as a file', 'a/b', 'a'],
  ];
  it.each(pairs)('%s', async (_, first, second) => {
    const entries = [first, second].map((path, i) => entryOf(path, { offset: 512 + 1024 * i }));
    const bytes = tar(...[first, second].map((name) => member('data', { name })));
    expect(Object.values(await refusals({ tar: bytes, entries }))).toEqual(
      Array(4).fill('ENTRY_UNSAFE'),
    );
  });
});

describe('an author whose tar is not what the format allows', () => {
  const unsafe = 'ENTRY_UNSAFE';
  const invalid = 'TAR_INVALID';
  const base256 = (first: number) =>
    Buffer.from([first, ...Array(4).fill(0), ...Array(7).fill(255)]);
  const tars: readonly (readonly [name: string, bytes: Uint8Array, code: ErrorCode])[] = [
    ['symbolic link', tar(header({ type: '2', linkname: '/etc' })), unsafe],
    [
      'link, then a file below it',
      tar(header({ name: 'd', type: '2', linkname: '/tmp' }), file('d/x')),
      unsafe,
    ],
    ['hard link', tar(header({ type: '1', linkname: '/etc/passwd' })), unsafe],
    ['character device', tar(header({ type: '3' })), unsafe],
    ['block device', tar(header({ type: '4' })), unsafe],
    ['FIFO', tar(header({ type: '6' })), unsafe],
    ['sparse file', tar(header({ type: 'S', magic: gnuMagic })), unsafe],
    ['pax sparse file', tar(pax(record('GNU.sparse.major', '1')), file('a')), invalid],
    ['volume', tar(header({ type: 'M', magic: gnuMagic })), unsafe],
    ['path for all', tar(member(record('path', '../b'), { type: 'g' }), file('a')), invalid],
    ['repeated record', tar(pax(record('path', 'a') + record('path', '../b')), file('a')), invalid],
    ['pax size', tar(pax({ size: '1' }), member('data', { name: 'a' })), invalid],
    ['pax path after pax path', tar(pax({ path: 'b' }), pax({ path: 'c' }), file('a')), invalid],
    ['GNU name after GNU name', tar(longName('b'), longName('../c'), file('a')), invalid],
    ['GNU name and pax path', tar(longName('b'), pax({ path: '../c' }), file('a')), invalid],
    ['GNU name outside', tar(longName('../b'), file('a')), unsafe],
    ['negative size', tar(header({ size: base256(0xff) })), invalid],
    ['huge size', tar(header({ size: base256(0x80) })), invalid],
    ['negative octal size', tar(header({ size: '-0000000010\0' })), invalid],
    ['size beyond the end', tar(header({ size: 2 ** 30 })), invalid],
    ['wrong checksum', tar(header({ checksum: (sum) => `${sum + 1}\0 ` })), invalid],
    ['a member behind the end', Buffer.concat([one, tar(file('b'))]), invalid],
    ['bytes behind the end', Buffer.concat([one, Buffer.alloc(512, 1)]), invalid],
    ['part of a block', Buffer.concat([one, Buffer.alloc(100)]), invalid],
    ['text', Buffer.from('not a tar at all'.repeat(64)), invalid],
  ];
  it.each(tars)('%s', async (_, bytes, code) => {
    // The manifest shows nothing of it
    expect(await refusals({ tar: bytes, entries: [] })).toEqual({
      list: 'accepted',
      open: code,
      stdout: code,
      pipe: code,
    });
  });
});

describe('an author whose tar and manifest disagree', () => {
  const two = tar(member('data', { name: 'a' }), member('more', { name: 'b' }));
  const [a, b] = readTarEntries((at, length) => two.subarray(at, at + length), two.length) as [
    Entry,
    Entry,
  ];
  const manifests: readonly (readonly [name: string, entries: readonly Entry[]])[] = [
    ['name', [a, { ...b, path: 'c' }]],
    ['size', [a, { ...b, size: 3 } as Entry]],
    ['mode', [a, { ...b, mode: 0o755 }]],
    ['mtime', [a, { ...b, mtime: mtime + 1 }]],
    ['offset', [a, { ...b, offset: 1537 } as Entry]],
    [
      'order',
      [
        { ...a, path: 'b' },
        { ...b, path: 'a' },
      ],
    ],
    ['missing', [a]],
    ['none', []],
    ['extra', [a, b, entryOf('c', { offset: 2048, size: 0 })]],
    ['extra directory', [a, b, { type: 'directory', path: 'c', mode: 0o755, mtime }]],
    ['type', [a, { type: 'directory', path: 'b', mode: 0o644, mtime }]],
    ['bytes of another file', [a, { ...b, offset: 600, size: 4 } as Entry]],
  ];
  it.each(manifests)('%s', async (_, entries) => {
    expect(await refusals({ tar: two, entries })).toEqual({
      list: 'accepted',
      open: 'TAR_MISMATCH',
      stdout: 'TAR_MISMATCH',
      pipe: 'TAR_MISMATCH',
    });
  });
});

describe('an author whose manifest is not what the format allows', () => {
  const entry = entryOf('a');
  const canonical = `{"entries":[{"mode":420,"mtime":${mtime},"offset":512,"path":"a","size":4,"type":"file"}],"length":${one.length},"type":"strongroom/manifest","version":1}`;
  const edited = (from: string | RegExp, to: string) => {
    const text = canonical.replace(from, to);
    expect(text).not.toBe(canonical);
    return { tar: one, manifest: text };
  };
  const listed = (...entries: object[]) => ({ tar: one, entries });
  const archives: readonly (readonly [name: string, archive: () => Archive])[] = [
    ['unknown member', () => ({ tar: one, entries: [entry], manifest: { comment: '' } })],
    ['__proto__', () => edited('{"entries', '{"__proto__":{},"entries')],
    ['unknown member of an entry', () => listed({ ...entry, uid: 0 })],
    ['missing member', () => edited(',"version":1', '')],
    ['other type', () => edited('room/manifest', 'room/keyring')],
    ['other version', () => edited('"version":1', '"version":2')],
    ['space', () => edited('"entries":', '"entries": ')],
    ['newline at the end', () => edited(/$/, '\n')],
    ['order of members', () => edited(/^\{("entries".*),("length":\d+)/, '{$2,$1')],
    ['duplicate member', () => edited('"mode":420', '"mode":420,"mode":420')],
    ['1.0', () => edited('"version":1', '"version":1.0')],
    ['exponent', () => edited('"size":4', '"size":4e0')],
    ['escape', () => edited('"path":"a"', '"path":"\\u0061"')],
    ['-0', () => edited('"size":4', '"size":-0')],
    ['negative', () => edited('"size":4', '"size":-4')],
    ['fraction', () => edited('"size":4', '"size":4.5')],
    ['2^53', () => edited('"size":4', '"size":9007199254740992')],
    ['2^53 for a length', () => edited(/"length":\d+/, '"length":9007199254740992')],
    ['null', () => edited('"size":4', '"size":null')],
    ['a size in a string', () => edited('"size":4', '"size":"4"')],
    ['other length', () => edited(/"length":\d+/, '"length":1')],
    ['mode of 0o1000', () => edited('"mode":420', '"mode":512')],
    ['late time', () => edited(/"mtime":\d+/, '"mtime":8589934593')],
    ['link', () => edited('"type":"file"', '"type":"symlink"')],
    ['a file without an offset', () => edited('"offset":512,', '')],
    ['a directory with a size', () => edited('"type":"file"', '"type":"directory"')],
    ['byte order mark', () => edited('{', '\ufeff{')],
    [
      'not UTF-8',
      () => ({ tar: one, manifest: Buffer.from(canonical.replace('"a"', '"\xe9"'), 'latin1') }),
    ],
    ['half a surrogate pair', () => edited('"path":"a"', '"path":"\\ud800"')],
    ['not JSON', () => ({ tar: one, manifest: 'entries' })],
    ['nothing', () => ({ tar: one, manifest: '' })],
    [
      'nested beyond the stack',
      () => ({ tar: one, manifest: '['.repeat(2 ** 17) + ']'.repeat(2 ** 17) }),
    ],
    ['overlap', () => listed(entry, entryOf('b', { offset: 514 }))],
    ['out of order', () => listed(entryOf('b', { offset: 1024 }), entry)],
    ['beyond the end', () => listed({ ...entry, size: one.length })],
    ['far beyond the end', () => listed({ ...entry, offset: Number.MAX_SAFE_INTEGER, size: 1 })],
    ['sum beyond 2^53', () => listed({ ...entry, offset: 2 ** 52, size: Number.MAX_SAFE_INTEGER })],
  ];
  it.each(archives)('%s', async (_, archive) => {
    const { list, open, stdout, pipe } = await refusals(archive());
    expect([list, open, stdout, pipe]).toEqual(Array(4).fill('MANIFEST_INVALID'));
  });
});

it('refuses a seal of more segments than the length makes', async () => {
  expect(() => forge({ who, tar: one, stated: { length: one.length, segments: 2 } })).toThrow(
    expect.objectContaining({ code: 'SEAL_MISMATCH' }),
  );
});

it('opens what is unusual but allowed', async () => {
  const root = workspace();
  const path = join(root, 'archive');
  // Right to left, and a name that a terminal must not be given as it is
  const name = 'a\u202egnp.exe';
  const bytes = tar(directory('./'), file('./b'), pax({ path: name }), file('x'), zeros(1));
  const entries = readTarEntries((at, length) => bytes.subarray(at, at + length), bytes.length);
  writeFileSync(path, forge({ who, tar: bytes, entries }));
  const output = join(root, 'out');
  await open(path, { identity: who.reader, trust: who.trust, output });
  expect(leftovers(output).sort()).toEqual([name, 'b']);
});

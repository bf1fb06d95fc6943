import { describe, expect, it } from 'vitest';
import { TarFollower } from '#strongroom/archive/tar/follow.js';
import { readTarEntries, readTarEntriesAsync } from '#strongroom/archive/tar/read.js';
import { walkTar } from '#strongroom/archive/tar/walk.js';
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
} from '../../support/tar.ts';

const mtime = 1_700_000_000;
const base256 = (value: number): Uint8Array => {
  const out = Buffer.alloc(12);
  out.writeBigUInt64BE(BigInt(value), 4);
  out[0] = 0x80;
  return out;
};

const read = (bytes: Uint8Array) =>
  readTarEntries((offset, length) => bytes.subarray(offset, offset + length), bytes.length);
const only = (bytes: Uint8Array) => {
  const entries = read(bytes);
  expect(entries).toHaveLength(1);
  return entries[0];
};
const entry = { type: 'file', path: 'a', size: 0, mode: 0o644, mtime, offset: 512 };

describe('tars that are accepted', () => {
  it.each([
    ['no bytes', new Uint8Array()],
    ['one zero block', zeros(1)],
    ['two zero blocks', zeros()],
    ['many zero blocks', zeros(500)],
    ['the root alone', tar(directory('./'))],
    ['the root without a slash', tar(directory('.'))],
    ['a comment alone', tar(member(record('comment', 'of git'), { type: 'g' }))],
  ])('%s: no entries', (_, bytes) => {
    expect(read(bytes)).toEqual([]);
  });

  it.each([
    ['two zero blocks', tar(file('a'))],
    ['no zero block', file('a')],
    ['one zero block', Buffer.concat([file('a'), zeros(1)])],
    ['a whole record', Buffer.concat([file('a'), zeros(19)])],
    ['more than a take of zeros', Buffer.concat([file('a'), zeros(1000)])],
    ['type NUL', tar(header({ type: '\0' }))],
    ['GNU magic', tar(header({ magic: gnuMagic }))],
    ['a leading "./"', tar(file('./a'))],
    ['mode with file type bits', tar(header({ mode: '0100644\0' }))],
    ['numbers behind spaces', tar(header({ mode: '   644 \0', size: '          0 ' }))],
    ['numbers without an end', tar(header({ mode: '00000644', size: '000000000000' }))],
    ['a size of NULs', tar(header({ size: '' }))],
    ['a uid in base 256', tar(header({ uid: Buffer.from('80000000f0000000', 'hex') }))],
    ['a negative uid', tar(header({ uid: Buffer.alloc(8, 0xff) }))],
    [
      'checksum of seven digits',
      tar(header({ checksum: (sum) => `${sum.toString(8).padStart(7, '0')}\0` })),
    ],
    [
      'checksum behind spaces',
      tar(header({ checksum: (sum) => `${sum.toString(8).padStart(6)} \0` })),
    ],
  ])('%s', (_, bytes) => {
    expect(only(bytes)).toEqual(entry);
  });

  it('gives files and directories in order, with their offsets', () => {
    const bytes = tar(
      directory('./'),
      directory('./d/'),
      member('x'.repeat(511), { name: './d/a', mode: '0000755\0' }),
      member('x'.repeat(512), { name: 'd/b' }),
      member('x'.repeat(513), { name: 'd/c' }),
      directory('e'),
      file('f'),
    );
    expect(read(bytes)).toEqual([
      { type: 'directory', path: 'd', mode: 0o644, mtime },
      { type: 'file', path: 'd/a', size: 511, mode: 0o755, mtime, offset: 1536 },
      { type: 'file', path: 'd/b', size: 512, mode: 0o644, mtime, offset: 2560 },
      { type: 'file', path: 'd/c', size: 513, mode: 0o644, mtime, offset: 3584 },
      { type: 'directory', path: 'e', mode: 0o644, mtime },
      { type: 'file', path: 'f', size: 0, mode: 0o644, mtime, offset: 5632 },
    ]);
  });

  it('takes a name of 100 bytes, and one with a prefix', () => {
    const name = 'n'.repeat(100);
    expect(only(tar(header({ name })))).toMatchObject({ path: name });
    const prefix = 'p'.repeat(155);
    expect(only(tar(header({ name, prefix })))).toMatchObject({ path: `${prefix}/${name}` });
  });

  it('prefers the path of pax and of GNU, whatever the header names', () => {
    const name = Uint8Array.of(0xff, 0x2f, 0x2e, 0x2e);
    expect(only(tar(pax({ path: './é' }), header({ name })))).toMatchObject({ path: 'é' });
    expect(only(tar(longName('./b'), header({ name })))).toMatchObject({ path: 'b' });
    expect(only(tar(member('b', { type: 'L' }), header({ name })))).toMatchObject({ path: 'b' });
  });

  it('applies pax and GNU names to one member alone', () => {
    const bytes = tar(
      pax({ path: 'b', mtime: '7' }),
      file('x'),
      file('c'),
      longName('d'),
      file('x'),
    );
    expect(read(bytes)).toMatchObject([
      { path: 'b', mtime: 7 },
      { path: 'c', mtime },
      { path: 'd', mtime },
    ]);
  });

  it.each([
    ['12', 12],
    ['12.', 12],
    ['12.999999999999999999', 12],
    ['0.5', 0],
    ['-1', 0],
    ['-99.5', 0],
    ['8589934592', 2 ** 33],
  ])('rounds the pax mtime %s down to %d, and up to 1970', (written, seconds) => {
    expect(only(tar(pax({ mtime: written }), file('a')))).toMatchObject({ mtime: seconds });
  });

  it('takes a time before 1970 in base 256 for 0', () => {
    expect(only(tar(header({ mtime: Buffer.alloc(12, 0xff) })))).toMatchObject({ mtime: 0 });
  });

  it('ignores what says nothing of paths and bytes', () => {
    const extension = pax({
      atime: '1.5',
      ctime: '2',
      uid: '99999999',
      gname: 'ユーザ',
      comment: 'two\nlines = fine',
      hdrcharset: 'ISO-IR 10646 2000 UTF-8',
      'SCHILY.xattr.user.x': '\0\x01',
      'LIBARCHIVE.creationtime': '3',
      size: '0',
    });
    expect(only(tar(extension, file('a')))).toEqual({ ...entry, offset: 1536 });
  });

  it('keeps to a comment of 1 MiB', () => {
    const body = record('comment', 'x'.repeat(1048576 - 17));
    expect(body).toHaveLength(1048576);
    expect(only(tar(pax(body), file('a')))).toMatchObject({ path: 'a' });
  });
});

/** Walks `parts`, the bytes between them being as long as a skip asks. */
function virtually(parts: readonly Uint8Array[]) {
  const rest = [...parts];
  const entries = [];
  let skipped = 0;
  let current = rest.shift() ?? new Uint8Array();
  const walk = walkTar();
  for (let result = walk.next(); !result.done; ) {
    const step = result.value;
    let answer: Uint8Array = new Uint8Array();
    if (step.op === 'entry') entries.push(step.entry);
    if (step.op === 'end') return { entries, skipped, length: step.length };
    if (step.op === 'skip') {
      expect(current).toHaveLength(0);
      skipped += step.bytes;
      current = rest.shift() ?? current;
    }
    if (step.op === 'take') {
      answer = current.subarray(0, step.bytes);
      current = current.subarray(answer.length);
    }
    result = walk.next(answer);
  }
  throw new Error('no end');
}

describe('sizes beyond eight octal GiB', () => {
  const size = 10 * 2 ** 40 + 5;
  const rest = Buffer.concat([zeros(1).subarray(0, 507), tar(file('b'))]);

  it.each([
    ['in base 256', header({ size: base256(size) })],
    ['in pax over 0', Buffer.concat([pax({ size: String(size) }), header()])],
    ['in pax over NULs', Buffer.concat([pax({ size: String(size) }), header({ size: '' })])],
    ['in both', Buffer.concat([pax({ size: String(size) }), header({ size: base256(size) })])],
  ])('%s', (_, first) => {
    const { entries, skipped, length } = virtually([first, rest]);
    expect(skipped).toBe(size);
    expect(length).toBe(first.length + size + rest.length);
    expect(entries).toEqual([
      { ...entry, size, offset: first.length },
      { ...entry, path: 'b', offset: first.length + size + 507 + 512 },
    ]);
  });
});

describe('a pax size is refused', () => {
  it.each([
    ['that fits into the header, over one of 0', 8 ** 11 - 1, {}],
    ['beyond eight octal GiB, over another', 10 * 2 ** 40, { size: 100 }],
  ])('%s', (_, size, fields) => {
    expect(() => virtually([Buffer.concat([pax({ size: String(size) }), header(fields)])])).toThrow(
      expect.objectContaining({
        code: 'TAR_INVALID',
        message: 'tar: a pax size that differs from the header',
      }),
    );
  });
});

describe('drivers', () => {
  const bytes = tar(
    directory('d'),
    member('x'.repeat(100_000), { name: 'd/a' }),
    member('long', { type: 'L' }),
    file('b'),
  );

  it('never read file bytes', async () => {
    const touched = new Uint8Array(bytes.length);
    const readAt = async (offset: number, length: number) => {
      touched.fill(1, offset, offset + length);
      return bytes.subarray(offset, offset + length);
    };
    expect(await readTarEntriesAsync(readAt, bytes.length)).toEqual(read(bytes));
    expect(touched.subarray(1024, 1024 + 100_000).every((count) => count === 0)).toBe(true);
  });

  it('may reuse the buffer of an answer', () => {
    const buffer = Buffer.alloc(65536 + 1024);
    const reused = readTarEntries((offset, length) => {
      buffer.fill(0xee);
      buffer.set(bytes.subarray(offset, offset + length));
      return buffer.subarray(0, length);
    }, bytes.length);
    expect(reused).toEqual(read(bytes));
  });

  it('refuse a source that becomes shorter', async () => {
    const short = (offset: number, length: number) => bytes.subarray(offset, offset + length - 1);
    const changed = expect.objectContaining({ code: 'SOURCE_CHANGED' });
    expect(() => readTarEntries(short, bytes.length)).toThrow(changed);
    await expect(
      readTarEntriesAsync(async (offset, length) => short(offset, length), bytes.length),
    ).rejects.toThrow(changed);
  });

  const follow = (whole: Uint8Array, pieceBytes: number) => {
    const files: Record<string, string> = {};
    let path = '';
    const follower = new TarFollower({
      entry: (entry) => {
        path = entry.path;
        files[path] = '';
      },
      data: (bytes) => {
        files[path] += Buffer.from(bytes).toString('latin1');
      },
    });
    for (let at = 0; at < whole.length; at += pieceBytes) {
      follower.push(whole.subarray(at, at + pieceBytes));
    }
    follower.end();
    return { entries: follower.entries, files };
  };

  it('tell what there is to whoever does not listen', () => {
    const whole = tar(directory('d'), file('d/a', 'x'), file('b', ''));
    const follower = new TarFollower();
    follower.push(whole);
    follower.end();
    expect(follower.entries).toEqual(read(whole));
  });

  it.each([1, 511, 512, 4096, 1_000_000])(
    'give a pipe of pieces of %d bytes every file byte',
    (piece) => {
      const contents = {
        a: '',
        b: '1',
        c: '2'.repeat(511),
        d: '3'.repeat(512),
        e: '4'.repeat(5000),
      };
      const whole = tar(...Object.entries(contents).map(([path, data]) => file(path, data)));
      expect(follow(whole, piece)).toEqual({ entries: read(whole), files: contents });
    },
  );

  it.each([
    ['read at offsets', read],
    ['follow in pieces', (bytes: Uint8Array) => follow(bytes, 100)],
  ])('%s: refuse every tar that is cut, but between members and in its end', (_, driver) => {
    const data = { d: '', 'd/a': 'x'.repeat(512), 'd/b': 'x'.repeat(700) };
    const whole = tar(
      ...Object.entries(data).map(([path, bytes]) =>
        bytes === '' ? directory(path) : file(path, bytes),
      ),
    );
    const valid = [0, 512, 1536, 3072, 3584];
    for (let length = 0; length < whole.length; length++) {
      const act = () => driver(whole.subarray(0, length));
      if (valid.includes(length)) expect(act).not.toThrow();
      else expect(act).toThrow(expect.objectContaining({ code: 'TAR_INVALID' }));
    }
  });
});

/** Tars for every reader: docs/format.md, "Paths and entries". No test framework in here. */
import { gzipSync } from 'node:zlib';
import {
  directory,
  file,
  gnuMagic,
  header,
  longName,
  member,
  padded,
  pax,
  record,
  tar,
  zeros,
} from '../support/tar.ts';

const concat = Buffer.concat;
const base256 = (value: bigint, first = 0x80): Uint8Array => {
  const out = Buffer.alloc(12);
  out.writeBigUInt64BE(value, 4);
  out[0] = first;
  return out;
};
const maxPax = 1048576;
const bigPax = (bytes: number) => record('comment', 'x'.repeat(bytes - 17));

export type TarCase = readonly [
  name: string,
  bytes: Uint8Array,
  code: 'TAR_INVALID' | 'ENTRY_UNSAFE',
  message: string,
];
const invalid = (name: string, bytes: Uint8Array, message: string): TarCase => [
  name,
  bytes,
  'TAR_INVALID',
  message,
];
const unsafe = (name: string, bytes: Uint8Array, message: string): TarCase => [
  name,
  bytes,
  'ENTRY_UNSAFE',
  message,
];

const notTars: TarCase[] = [
  invalid('text', Buffer.from('hello'), 'not a tar'),
  invalid('long text', Buffer.alloc(4096, 'hello '), 'not a tar'),
  invalid('a gzipped tar', concat([gzipSync(tar(file('a'))), Buffer.alloc(600, 1)]), 'not a tar'),
  invalid('a zip', padded('PK\x03\x04'), 'not a tar'),
  invalid('a tar without magic', tar(header({ magic: '' })), 'not a tar'),
  invalid('half a header', file('a').subarray(0, 300), 'not a tar'),
  invalid('a tar shifted by a byte', concat([Buffer.alloc(1), tar(file('a'))]), 'not a tar'),
];

const headers: TarCase[] = [
  invalid('checksum', tar(header({ checksum: (sum) => `${sum + 1}\0 ` })), 'checksum'),
  invalid('no checksum', tar(header({ checksum: () => '\0'.repeat(8) })), 'checksum'),
  invalid(
    'a checksum of signed bytes',
    tar(
      header({
        name: 'é',
        checksum: (sum, bytes) =>
          `${(sum - 256 * bytes.filter((byte) => byte > 127).length).toString(8).padStart(6, '0')}\0 `,
      }),
    ),
    'checksum',
  ),
  invalid('magic of neither kind', tar(file('a'), header({ magic: 'ustar\0  ' })), 'neither'),
  invalid('no magic later', tar(file('a'), header({ magic: '' })), 'neither'),
  invalid('letters for a size', tar(header({ size: '0000000001z\0' })), 'size is not a number'),
  invalid('decimal size', tar(header({ size: '00000000008\0' })), 'size is not a number'),
  invalid('size with a sign', tar(header({ size: '-0000000001\0' })), 'size is not a number'),
  invalid('size 0o', tar(header({ size: '0o000000001\0' })), 'size is not a number'),
  invalid('size with an underscore', tar(header({ size: '0000_000001\0' })), 'size is not'),
  invalid('size split by a NUL', tar(header({ size: '00000\x00000001\0' })), 'size is not'),
  invalid('size behind a NUL', tar(header({ size: '\x0000000000001' })), 'size is not'),
  invalid('size behind a tab', tar(header({ size: '\t0000000001\0' })), 'size is not a number'),
  invalid('size of spaces', tar(header({ size: ' '.repeat(12) })), 'size is not a number'),
  invalid('negative size', tar(header({ size: new Uint8Array(12).fill(255) })), 'below zero'),
  invalid('size 2^53', tar(header({ size: base256(2n ** 53n) })), 'size is not a number'),
  invalid('size up to 2^53', tar(header({ size: base256(2n ** 53n - 1n) })), 'beyond 2^53'),
  invalid('base 256 with the sign bit', tar(header({ size: base256(1n, 0xc0) })), 'size is not'),
  invalid('base 256 with high bits', tar(header({ size: base256(1n, 0x81) })), 'size is not'),
  invalid('uid of letters', tar(header({ uid: 'nobody\0\0' })), 'uid is not a number'),
  invalid('mode of letters', tar(header({ mode: 'rw-r--r-' })), 'mode is not a number'),
  invalid('negative mode', tar(header({ mode: new Uint8Array(8).fill(255) })), 'below zero'),
  invalid('mode of spaces', tar(header({ mode: ' '.repeat(8) })), 'mode is not a number'),
  invalid('mode of NULs and a space', tar(header({ mode: '\0\0\0\0\0\0\0 ' })), 'mode is not'),
  invalid(
    'negative device',
    tar(header({ raw: [[329, new Uint8Array(8).fill(255)]] })),
    'below zero',
  ),
  invalid(
    'negative minor',
    tar(header({ raw: [[337, new Uint8Array(8).fill(255)]] })),
    'below zero',
  ),
  invalid(
    'checksum in base 256',
    tar(header({ checksum: () => '\x80\0\0\0\0\0\x10\0' })),
    'checksum',
  ),
  invalid('mtime of letters', tar(header({ mtime: 'yesterday\0' })), 'mtime is not a number'),
  invalid('device of letters', tar(header({ raw: [[329, 'xyz']] })), 'devmajor is not a number'),
  invalid('a second name', tar(header({ name: 'a\0b' })), 'behind the end of a name'),
  invalid('a second prefix', tar(header({ prefix: 'a\0b' })), 'behind the end of a name'),
  invalid('bytes at the end', tar(header({ raw: [[508, 'tar\0']] })), 'unknown fields'),
  invalid('a GNU prefix', tar(header({ magic: gnuMagic, prefix: 'etc' })), 'unknown fields'),
  invalid(
    'a directory with a size',
    tar(header({ type: '5', size: 512 }), zeros(1)),
    'with a size',
  ),
];

const types: TarCase[] = [
  unsafe('hard link', tar(file('a'), header({ name: 'b', type: '1', linkname: 'a' })), 'hard link'),
  unsafe('symbolic link', tar(header({ type: '2', linkname: '/etc' })), 'a symbolic link'),
  unsafe('character device', tar(header({ type: '3' })), 'a character device'),
  unsafe('block device', tar(header({ type: '4' })), 'a block device'),
  unsafe('FIFO', tar(header({ type: '6' })), 'a FIFO'),
  unsafe('contiguous file', tar(header({ type: '7' })), 'a contiguous file'),
  unsafe('sparse file', tar(header({ type: 'S', magic: gnuMagic })), 'a sparse file'),
  unsafe('volume', tar(header({ type: 'M', magic: gnuMagic })), 'multi-volume'),
  unsafe('volume label', tar(header({ type: 'V', magic: gnuMagic })), 'volume label'),
  unsafe('directory dump', tar(header({ type: 'D', magic: gnuMagic })), 'incremental'),
  unsafe('long link name', tar(member('/etc\0', { type: 'K', magic: gnuMagic })), 'a link'),
  unsafe('Solaris header', tar(member(record('path', 'b'), { type: 'X' })), 'unknown type'),
  unsafe('ACL', tar(header({ type: 'A' })), 'unknown type'),
  unsafe('type beyond ASCII', tar(header({ raw: [[156, Uint8Array.of(0xff)]] })), 'unknown type'),
  unsafe('file with a link target', tar(header({ linkname: 'b' })), 'the target of a link'),
  unsafe('directory with a link target', tar(header({ type: '5', linkname: 'b' })), 'target of a'),
  unsafe('file named as a directory', tar(header({ name: 'a/' })), 'the name of a directory'),
  unsafe('old file named as a directory', tar(header({ name: 'a/', type: '\0' })), 'the name of a'),
];

const extensions: TarCase[] = [
  invalid(
    'two x',
    tar(pax({ path: 'b' }), pax({ path: 'c' }), file('a')),
    'pax header after a pax',
  ),
  invalid('two L', tar(longName('b'), longName('c'), file('a')), 'long name header after a long'),
  invalid('x, then L', tar(pax({ path: 'b' }), longName('c'), file('a')), 'after a pax header'),
  invalid('L, then x', tar(longName('c'), pax({ path: 'b' }), file('a')), 'after a long name'),
  invalid(
    'x, g, member',
    tar(pax({ path: 'b' }), member(record('comment', 'c'), { type: 'g' }), file('a')),
    'a global header after a pax header',
  ),
  invalid('x without a member', tar(pax({ path: 'b' })), 'pax header without a member'),
  invalid('x at the end of input', pax({ path: 'b' }), 'pax header without a member'),
  invalid('L without a member', tar(longName('b')), 'long name header without a member'),
  invalid('x that is cut', pax({ path: 'b' }).subarray(0, 700), 'it ends in a member'),
  invalid('x of over 1 MiB', tar(pax(bigPax(maxPax + 1)), file('a')), 'pax header over 1048576'),
  invalid('L of over 1 MiB', tar(longName('x'.repeat(maxPax)), file('a')), 'long name header over'),
  invalid('x of 2^52 bytes', tar(header({ type: 'x', size: base256(2n ** 52n) })), 'over 1048576'),
  invalid(
    'x with padding',
    tar(header({ type: 'x', size: 11 }), padded('11 path=ab\n', 1)),
    'padding',
  ),
  invalid(
    'g that sets a path',
    tar(member(record('path', 'b'), { type: 'g' }), file('a')),
    'global',
  ),
  invalid(
    'g that sets a size',
    tar(member(record('size', '9'), { type: 'g' }), file('a')),
    'global',
  ),
];

const badPax = (name: string, body: string | Uint8Array, message: string) =>
  invalid(`pax: ${name}`, tar(pax(body), member('data', { name: 'a' })), message);
const records: TarCase[] = [
  badPax('no length', 'path=b\n', 'without a length'),
  badPax('length with zeros', '010 path=b\n', 'without a length'),
  badPax('length with a sign', '+10 path=b\n', 'without a length'),
  badPax('length behind a space', ' 10 path=b\n', 'without a length'),
  badPax('length in hex', '0xa path=b\n', 'without a length'),
  badPax('length and a tab', '9\tpath=b\n', 'without a length'),
  badPax('length of 0', '0 path=b\n', 'without a length'),
  badPax('length of 2', '2 path=b\n', 'without a newline'),
  badPax('length below its own digits', '1 \n', 'without a newline'),
  badPax('length too long', '99 path=b\n', 'longer than its header'),
  badPax('length too short', '8 path=b\n', 'without a newline'),
  badPax('no newline', '9 path=bc', 'without a newline'),
  badPax('no equals sign', '8 pathb\n', 'without "="'),
  badPax('no key', '5 =b\n', 'an invalid key'),
  badPax('key behind a second space', record(' path', 'b'), 'an invalid key'),
  badPax('key with a NUL', record('path\0x', 'b'), 'an invalid key'),
  badPax('key with a newline', record('x\npath', 'b'), 'an invalid key'),
  badPax('key that is not UTF-8', Buffer.from('7 \xff=bc\n', 'latin1'), 'an invalid key'),
  badPax('bytes behind the last record', `${record('path', 'b')}\0\0\0`, 'without a length'),
  badPax('repeated', record('path', 'b') + record('path', 'c'), 'that repeats path'),
  badPax('repeated comment', record('comment', '') + record('comment', ''), 'repeats comment'),
  badPax('old sparse file', record('GNU.sparse.size', '9'), 'sets GNU.sparse.size'),
  badPax('sparse file', record('GNU.sparse.major', '1'), 'sets GNU.sparse.major'),
  badPax('sparse name', record('GNU.sparse.name', 'b'), 'sets GNU.sparse.name'),
  badPax('volume', record('GNU.volume.offset', '9'), 'sets GNU.volume.offset'),
  badPax("star's sparse file", record('SCHILY.realsize', '9'), 'sets SCHILY.realsize'),
  badPax('Solaris holes', record('SUN.holesdata', ' 0 9'), 'sets SUN.holesdata'),
  badPax('link', record('linkpath', '/etc'), 'sets linkpath'),
  badPax('binary names', record('hdrcharset', 'BINARY'), 'not in UTF-8'),
  badPax('other size', record('size', '3'), 'differs from the header'),
  badPax('size of 0', record('size', '0'), 'differs from the header'),
  badPax('empty size', record('size', ''), 'not a number'),
  badPax('negative size', record('size', '-4'), 'not a number'),
  badPax('size with zeros', record('size', '04'), 'not a number'),
  badPax('size with a fraction', record('size', '4.0'), 'not a number'),
  badPax('size in hex', record('size', '0x4'), 'not a number'),
  badPax('size of 2^53', record('size', String(2 ** 53)), 'not a number'),
  badPax('size of 400 digits', record('size', '9'.repeat(400)), 'not a number'),
  badPax('empty mtime', record('mtime', ''), 'not a time'),
  badPax('mtime of letters', record('mtime', 'now'), 'not a time'),
  badPax('mtime with a plus', record('mtime', '+1'), 'not a time'),
  badPax('mtime of a point', record('mtime', '.5'), 'not a time'),
  badPax('link behind a line separator', record('GNU.\u2028', '1'), 'sets GNU.'),
  badPax('mtime with an exponent', record('mtime', '1e9'), 'not a time'),
  badPax('mtime of infinity', record('mtime', 'Infinity'), 'not a time'),
  invalid('pax: small size over 0', tar(pax({ size: '512' }), header(), zeros(1)), 'differs from'),
  invalid(
    'pax: size of a directory',
    tar(pax({ size: '8589934592' }), directory('a')),
    'with a size',
  ),
  invalid('pax: size beyond 2^53', tar(pax({ size: '9007199254740991' }), header()), 'beyond 2^53'),
  unsafe('pax: year 2243', tar(pax({ mtime: '8589934593' }), file('a')), 'after the year 2242'),
  unsafe(
    'year 2243 of the root',
    tar(pax({ mtime: '8589934593' }), directory('./')),
    'after the year',
  ),
  unsafe('pax: a far year', tar(pax({ mtime: '9'.repeat(400) }), file('a')), 'after the year 2242'),
];

const names: TarCase[] = [
  unsafe('no name', tar(file('')), 'an entry without a path: it is empty'),
  unsafe('absolute', tar(file('/etc/passwd')), '/etc/passwd: it is absolute'),
  unsafe('absolute by prefix', tar(header({ name: 'passwd', prefix: '/etc' })), 'it is absolute'),
  unsafe('root of the disk', tar(directory('/')), '/: it is absolute'),
  unsafe('parent', tar(file('../a')), '"." or ".."'),
  unsafe('parent as a directory', tar(directory('..')), '"." or ".."'),
  unsafe(
    'parent between prefix and name',
    tar(header({ name: 'b', prefix: 'a/..' })),
    '"." or ".."',
  ),
  unsafe('parent by pax', tar(pax({ path: 'a/../../b' }), file('a')), '"." or ".."'),
  unsafe('parent by GNU', tar(longName('../b'), file('a')), '"." or ".."'),
  unsafe('two leading dots and slashes', tar(file('././a')), '"." or ".."'),
  unsafe('a dot as a file', tar(file('.')), '"." or ".."'),
  unsafe('a dot below the root', tar(directory('./.')), '"." or ".."'),
  unsafe('two slashes', tar(file('a//b')), 'a component is empty'),
  unsafe('two slashes at the end', tar(directory('a//')), 'a component is empty'),
  unsafe('root with two slashes', tar(directory('.//')), 'it is empty'),
  unsafe('prefix with a slash', tar(header({ name: 'b', prefix: 'a/' })), 'a component is empty'),
  unsafe('empty pax path', tar(pax({ path: '' }), file('a')), 'it is empty'),
  unsafe('pax path of a directory', tar(pax({ path: 'b/' }), file('a')), 'the name of a directory'),
  unsafe('NUL in a pax path', tar(pax({ path: 'b\0c' }), file('a')), 'b\\u{0}c: it has a control'),
  unsafe('NUL in a GNU name', tar(longName('b\0c'), file('a')), 'b\\u{0}c: it has a control'),
  unsafe('NULs behind a GNU name', tar(longName('b\0'), file('a')), 'it has a control'),
  unsafe('empty GNU name', tar(longName(''), file('a')), 'it is empty'),
  unsafe('newline', tar(file('a\nb')), 'a\\u{a}b: it has a control character'),
  unsafe('not UTF-8', tar(header({ name: Buffer.from('a\xe9', 'latin1') })), 'it is not UTF-8'),
  unsafe('overlong UTF-8', tar(header({ name: Uint8Array.of(0xc0, 0xaf) })), 'it is not UTF-8'),
  unsafe('surrogate', tar(header({ name: Uint8Array.of(0xed, 0xa0, 0x80) })), 'it is not UTF-8'),
  unsafe('link not UTF-8', tar(header({ type: '2', name: Uint8Array.of(0x80) })), 'not UTF-8'),
  unsafe('backslash', tar(file('..\\a')), 'it has a backslash'),
  unsafe('drive', tar(file('C:a')), 'it has a colon'),
  unsafe('noncharacter', tar(file('a\ufdd0')), 'never a character'),
  unsafe('reserved', tar(file('a/NUL.txt')), 'Windows reserves'),
  unsafe('long component', tar(longName('x'.repeat(256)), file('a')), 'over 255 bytes'),
  unsafe('long path', tar(pax({ path: 'abc/'.repeat(1024).concat('x') }), file('a')), 'over 4096'),
  unsafe('the same twice', tar(file('a'), file('a')), 'a: it is there twice'),
  unsafe('the same by another way', tar(file('a'), file('./a')), 'a: it is there twice'),
  unsafe('case', tar(file('a/B'), file('a/b')), 'a/b: on some file systems the same as a/B'),
  unsafe('forms of Unicode', tar(file('\u00e9'), file('e\u0301')), 'on some file systems'),
  unsafe('file and directory', tar(file('a'), directory('a/')), 'a: it is there twice'),
  unsafe('file as parent', tar(file('a'), file('a/b')), 'a/b: a is a file'),
  unsafe('parent as file', tar(file('a/b'), file('a')), 'a: a file, but other entries'),
];

const ends: TarCase[] = [
  invalid('cut in a header', concat([file('a'), file('b').subarray(0, 100)]), 'ends in a header'),
  invalid('cut in a file', member('x'.repeat(600)).subarray(0, 700), 'ends in a member'),
  invalid(
    'cut before the last byte',
    member('x'.repeat(512)).subarray(0, 1023),
    'ends in a member',
  ),
  invalid('cut in padding', member('x').subarray(0, 1000), 'ends in a member'),
  invalid('a size far beyond the end', tar(header({ size: 2 ** 32 })), 'ends in a member'),
  invalid('bytes in padding', tar(header({ size: 1 }), padded('x', 7)), 'padding that is not zero'),
  invalid(
    'a byte at the end of padding',
    tar(header({ size: 1 }), Buffer.alloc(512).fill(1, 511), file('b')),
    'padding that is not zero',
  ),
  invalid('a second tar', concat([tar(file('a')), tar(file('b'))]), 'bytes behind its end'),
  invalid(
    'a member behind one zero block',
    concat([file('a'), zeros(1), tar(file('b'))]),
    'behind its end',
  ),
  invalid(
    'a byte far behind',
    concat([tar(file('a')), Buffer.alloc(300_000), padded('x')]),
    'behind its end',
  ),
  invalid('part of a block behind', concat([tar(file('a')), Buffer.alloc(3)]), '512-byte boundary'),
  invalid('part of a zero block', concat([file('a'), Buffer.alloc(100)]), '512-byte boundary'),
  invalid('a few zeros', Buffer.alloc(10), '512-byte boundary'),
];

/** Tars that must be refused, each for one reason. */
export const hostileTars = { notTars, headers, types, extensions, records, names, ends };

/** Tars that every reader takes, though not every one thinks of it. */
export const soundTars: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ['numbers of NULs', tar(header({ mode: new Uint8Array(8), uid: new Uint8Array(8) }))],
  ['no device', tar(header({ raw: [[329, '\0'.repeat(16)]] }))],
  ['a uid below zero', tar(header({ uid: new Uint8Array(8).fill(255) }))],
  ['a mtime below zero', tar(header({ mtime: new Uint8Array(12).fill(255) }))],
  ['a mode in base 256', tar(header({ mode: Uint8Array.of(0x80, 0, 0, 0, 0, 0, 1, 0xa4) }))],
  ['a pax mtime below zero', tar(pax({ mtime: '-1.5' }), file('a'))],
  ['a pax mtime that ends in a point', tar(pax({ mtime: '1.' }), file('a'))],
  ['a line separator in a keyword', tar(pax({ 'x\u2028y': '1' }), file('a'))],
  ['a young letter', tar(file('\ua7dc'), file('\u019b'))],
  ['the year 2242', tar(pax({ mtime: '8589934592' }), directory('./'), file('a'))],
];

"""Tar streams as others make them, and which of them may be sealed: docs/format.md,
[Paths and entries]."""

GNU = b'ustar  \0'
END = bytes(1024)


def header(name=b'f', kind=b'0', size=0, magic=b'ustar\x0000', patch=(0, b'')) -> bytes:
    block = bytearray(512)
    fields = (
        (0, name), (100, b'0000644\0'), (108, b'0000000\0'), (116, b'0000000\0'),
        (124, b'%011o\0' % size), (136, b'00000000001\0'), (156, kind), (257, magic), patch,
    )  # fmt: skip
    for at, value in fields:
        block[at : at + len(value)] = value
    block[148:156] = b'%06o\0 ' % (sum(block) - sum(block[148:156]) + 8 * 0x20)
    return bytes(block)


def member(content: bytes, *arguments, **fields) -> bytes:
    return header(*arguments, size=len(content), **fields) + content + bytes(-len(content) % 512)


def pax(*pairs: tuple[bytes, bytes], kind: bytes = b'x') -> bytes:
    body = b''
    for pair in pairs:
        rest = b' %s=%s\n' % pair
        length = len(rest) + 1
        while length != len(str(length)) + len(rest):
            length += 1
        body += str(length).encode() + rest
    return member(body, b'pax', kind)


def long_name(name: bytes) -> bytes:
    return member(name, b'././@LongLink', b'L', magic=GNU)


def named(*paths: str) -> bytes:
    return b''.join(pax((b'path', path.encode())) + header() for path in paths)


FILE = header()

# All of these get their two zero blocks.
SEALED = {
    'no member': b'',
    'the root, twice': header(b'.', b'5') + header(b'./', b'5') + header(b'./f'),
    'a mode in base-256': header(patch=(100, b'\x80' + bytes(5) + b'\1\xed')),
    'before 1970': header(patch=(136, b'\xff' * 12)),
    'before 1970 in pax': pax((b'mtime', b'-1.5')) + FILE,
    'a fraction cut off': pax((b'mtime', b'8589934592.9')) + FILE,
    'a long name': long_name(b'long\0') + header(magic=GNU),
    'a long name without NUL': long_name(b'./long') + header(magic=GNU),
    'a global comment': pax((b'comment', b'x'), kind=b'g') + FILE,
    'an unknown keyword': pax((b'SCHILY.xattr.user.a', b'\xff\0\n=')) + FILE,
    'the size said twice': pax((b'size', b'2')) + member(b'hi'),
    'names that look alike': named('e', 'é', 'ü/c', 'u/C', '１', '1'),
}
REFUSED = {
    'the end of a member missing': header(size=1025),
    'half a block': FILE + b'\0',
    'bytes after the end': FILE + END + FILE,
    'padding': header(size=2) + b'hi!' + bytes(509),
    'padding of an extension': pax((b'path', b'f'))[:-1] + b'\1' + FILE,
    'a wrong checksum': FILE[:1] + b'x' + FILE[2:],
    'a GNU header with a prefix': header(magic=GNU, patch=(345, b'p')),
    'a long link name': member(b'g\0', b'././@LongLink', b'K', magic=GNU) + FILE,
    'a directory with a size': member(b'hi', kind=b'5'),
    'two extension headers': pax((b'path', b'a')) + pax((b'mtime', b'1')) + FILE,
    'a long name and pax': long_name(b'a') + pax((b'mtime', b'1')) + FILE,
    'an extension alone': FILE + pax((b'path', b'a')),
    'a long extension': pax((b'comment', bytes(1048576))) + FILE,
    'a long name with two NULs': long_name(b'a\0\0') + FILE,
    'an empty long name': long_name(b'\0') + FILE,
    'a global path': pax((b'path', b'a'), kind=b'g') + FILE,
    'a repeated keyword': pax((b'uid', b'1'), (b'uid', b'1')) + FILE,
}
# Names with a NUL behind them, fields behind the known ones, numbers, types, link targets.
for patch in (
    (0, b'f\0g'), (0, b'f/'), (345, b'p\0q'), (511, b'\1'), (257, bytes(8)), (100, b'0000694\0'),
    (100, b'\x000000644'), (100, b'\xff' * 8), (108, b'\x80\x20' + bytes(6)), (156, b'2'),
    (157, b'g'), (116, b'\x81' + bytes(7)),
):  # fmt: skip
    REFUSED[f'a header with {patch}'] = header(patch=patch)
for body in (b'011 path=a\n', b'11 path=a\n', b'8 patha\n', b'9 path=a.', b' 11 path=a\n'):
    REFUSED[f'the pax body {body}'] = member(body, kind=b'x') + FILE
for record in (
    (b'', b'a'), (b' path', b'a'), (b'a\xc2\x85', b'a'), (b'linkpath', b'a'),
    (b'GNU.sparse.major', b'1'), (b'SCHILY.realsize', b'0'), (b'SCHILY.volhdr.label', b'a'),
    (b'SUN.holesdata', b'0'), (b'hdrcharset', b'BINARY'), (b'path', b''), (b'path', b'\xff'),
    (b'size', b'-0'), (b'size', b'1'), (b'mtime', b''), (b'mtime', b'1e9'),
    (b'mtime', b'8589934593'),
):  # fmt: skip
    REFUSED[f'the pax record {record}'] = pax(record) + FILE
for paths in (
    ('/a',), ('a//b',), ('./../a',), ('a/./b',), ('a\\b',), ('a:b',), ('a\x85',), ('a.',),
    ('a /b',), ('x' * 256,), ('ü' * 128,), ('a/' * 100 + 'a',), ('CON',), ('nul .tar.gz',),
    ('Conin$',), ('a/com0',), ('LPT³.x',), ('a', 'a'), ('a', 'a/b'), ('a/b', 'a'), ('a', 'A'),
    ('a/b', 'A/c'), ('é', 'É'), ('é', 'e\u0301'), ('ß', 'SS'), ('ı', 'i'), ('ς', 'Σ'), ('K', 'k'),
    ('a', 'a\u200d'), ('ᾳ', 'αι'), ('ᾴ', 'α\u0345\u0301'), ('a\ufe0f', 'A'),
):  # fmt: skip
    REFUSED[f'{ascii(paths)[:40]}'] = named(*paths)

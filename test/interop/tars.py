"""Tar streams as others make them, and which of them may be sealed: docs/format.md,
[Paths and entries]. A name that begins with `ok` is sealed, any other refused."""

Records = dict[bytes, bytes]
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


def record(keyword: bytes, value: bytes) -> bytes:
    rest = b' %s=%s\n' % (keyword, value)
    length = len(rest) + 1
    while length != len(str(length)) + len(rest):
        length += 1
    return str(length).encode() + rest


def pax(*pairs: tuple[bytes, bytes], kind: bytes = b'x') -> bytes:
    return member(b''.join(record(*pair) for pair in pairs), b'pax', kind)


def long_name(name: bytes) -> bytes:
    return member(name, b'././@LongLink', b'L', magic=GNU)


def named(*paths: str) -> bytes:
    return b''.join(pax((b'path', path.encode())) + header() for path in paths) + END


FILE = header()
STREAMS = {
    'ok: no member': b'',
    'ok: no zero block': member(b'hi'),
    'ok: the root, twice': header(b'.', b'5') + header(b'./', b'5') + header(b'./f') + END,
    'ok: a mode in base-256': header(patch=(100, b'\x80' + bytes(5) + b'\1\xed')) + END,
    'ok: before 1970': header(patch=(136, b'\xff' * 12)) + END,
    'ok: before 1970 in pax': pax((b'mtime', b'-1.5')) + FILE + END,
    'ok: a fraction cut off': pax((b'mtime', b'8589934592.9')) + FILE + END,
    'ok: a long name': long_name(b'long\0') + header(magic=GNU) + END,
    'ok: a long name without NUL': long_name(b'./long') + header(magic=GNU) + END,
    'ok: a global comment': pax((b'comment', b'x'), kind=b'g') + FILE + END,
    'ok: an unknown keyword': pax((b'SCHILY.xattr.user.a', b'\xff\0\n=')) + FILE + END,
    'ok: the size said twice': pax((b'size', b'2')) + member(b'hi') + END,
    'ok: a name with an e and no accent': named('e', 'é'),
    'ends within a member': header(size=513) + bytes(512),
    'ends within a block': FILE + b'\0',
    'bytes after the end': FILE + END + FILE,
    'padding': header(size=2) + b'hi!' + bytes(509) + END,
    'padding of an extension': pax((b'path', b'f'))[:-1] + b'\1' + FILE + END,
    'a wrong checksum': FILE[:1] + b'x' + FILE[2:] + END,
    'no magic': header(magic=bytes(8)) + END,
    'bytes behind the name': header(b'f\0g') + END,
    'bytes behind the prefix': header(patch=(345, b'p\0q')) + END,
    'a GNU header with a prefix': header(magic=GNU, patch=(345, b'p')) + END,
    'bytes from 500 on': header(patch=(511, b'\1')) + END,
    'a number with a 9': header(patch=(100, b'0000694\0')) + END,
    'a number after a NUL': header(patch=(100, b'\x000000644')) + END,
    'a number above 2^53 - 1': header(patch=(108, b'\x80\x20' + bytes(6))) + END,
    'a negative mode': header(patch=(100, b'\xff' * 8)) + END,
    'a symbolic link': header(kind=b'2', patch=(157, b'g')) + END,
    'a long link name': member(b'g\0', b'././@LongLink', b'K', magic=GNU) + FILE + END,
    'a file with a link target': header(patch=(157, b'g')) + END,
    'a file named like a directory': header(b'f/') + END,
    'a directory with a size': member(b'hi', kind=b'5') + END,
    'two extension headers': pax((b'path', b'a')) + pax((b'mtime', b'1')) + FILE + END,
    'a long name and pax': long_name(b'a') + pax((b'mtime', b'1')) + FILE + END,
    'an extension alone': FILE + pax((b'path', b'a')) + END,
    'a long extension': pax((b'comment', bytes(1048576))) + FILE + END,
    'a long name with two NULs': long_name(b'a\0\0') + FILE + END,
    'an empty long name': long_name(b'\0') + FILE + END,
    'a global path': pax((b'path', b'a'), kind=b'g') + FILE + END,
    'a leading zero': member(b'010 path=a\n', kind=b'x') + FILE + END,
    'a length too long': member(b'11 path=a\n', kind=b'x') + FILE + END,
    'no equals sign': member(b'8 patha\n', kind=b'x') + FILE + END,
    'no newline': member(b'9 path=a.', kind=b'x') + FILE + END,
    'an empty keyword': pax((b'', b'a')) + FILE + END,
    'a keyword after two spaces': pax((b' path', b'a')) + FILE + END,
    'a keyword with a control character': pax((b'a\xc2\x85', b'a')) + FILE + END,
    'a repeated keyword': pax((b'uid', b'1'), (b'uid', b'1')) + FILE + END,
    **{
        f'the keyword {keyword.decode()}': pax((keyword, value)) + FILE + END
        for keyword, value in (
            (b'linkpath', b'a'), (b'GNU.sparse.major', b'1'), (b'SCHILY.realsize', b'0'),
            (b'SCHILY.volhdr.label', b'a'), (b'SUN.holesdata', b'0'), (b'hdrcharset', b'BINARY'),
            (b'path', b''), (b'path', b'\xff'), (b'size', b'-0'), (b'size', b'1'), (b'mtime', b''),
            (b'mtime', b'1e9'), (b'mtime', b'8589934593'),
        )
    },  # fmt: skip
    **{
        f'the path {path[:9]!a}': named(path)
        for path in (
            '/a', 'a//b', './../a', 'a/./b', 'a\\b', 'a:b', 'a\x85', 'a.', 'a /b', 'x' * 256,
            'ü' * 128, 'a/' * 100 + 'a', 'CON', 'nul .tar.gz', 'Conin$', 'a/com0', 'LPT³.x',
        )
    },  # fmt: skip
    **{
        f'{one!a} beside {other!a}': named(one, other)
        for one, other in (
            ('a', 'a'), ('a', 'a/b'), ('a/b', 'a'), ('a', 'A'), ('a/b', 'A/c'), ('é', 'É'),
            ('é', 'e\u0301'), ('ß', 'SS'), ('ı', 'i'), ('ς', 'Σ'), ('a', 'a\u200d'), ('K', 'k'),
            ('ᾳ', 'αι'), ('a\ufe0f', 'A'),
        )
    },  # fmt: skip
}  # fmt: skip

"""The payload's plaintext, a tar stream held against the manifest: docs/format.md,
[Paths and entries]."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shapes import CONTROL, MAX_INTEGER, refuse, require

BLOCK = 512
# Field, offset, length, and whether a time before 1970 or its like may stand there.
NUMBERS = (
    ('mode', 100, 8, False),
    ('uid', 108, 8, True),
    ('gid', 116, 8, True),
    ('size', 124, 12, False),
    ('mtime', 136, 12, True),
    ('major', 329, 8, False),
    ('minor', 337, 8, False),
)
BARRED = re.compile(
    rb'linkpath|GNU\..*|SCHILY\.(realsize|offset|filetype|volhdr\..*)|SUN\.holes.*', re.DOTALL
)


class Plaintext:
    """The decrypted payload as a stream; `tee` gets every byte that passes."""

    def __init__(self, segments: Iterator[bytes], tee: Callable[[bytes], Any] | None = None):
        self.segments, self.tee = segments, tee
        self.position, self.rest = 0, memoryview(b'')

    def chunks(self, length: int) -> Iterator[memoryview]:
        """Up to `length` bytes, fewer only at the end of the stream."""
        while length:
            if not self.rest:
                segment = next(self.segments, b'')
                if not segment:
                    return
                if self.tee:
                    self.tee(segment)
                self.rest = memoryview(segment)
            chunk, self.rest = self.rest[:length], self.rest[length:]
            self.position += len(chunk)
            length -= len(chunk)
            yield chunk

    def read(self, length: int) -> bytes:
        return b''.join(self.chunks(length))

    def skip_member(self, end: int) -> None:
        """Past what is left of a member that ends at `end`, and past its padding."""
        for _ in self.chunks(end - self.position):
            pass
        padding = self.read(-end % BLOCK)
        require(self.position == end + -end % BLOCK, 'TAR', 'the stream ends within a member')
        require(not any(padding), 'TAR', 'padding is not zero')


def number(field: bytes, signed: bool) -> int:
    if signed and field[0] == 0xFF:
        return -1
    if field[0] == 0x80:
        value = int.from_bytes(field[1:])
        require(value <= MAX_INTEGER, 'TAR', 'a number in a header is too large')
        return value
    return octal(field) if any(field) else 0


def octal(field: bytes) -> int:
    found = re.fullmatch(rb' *([0-7]+)[ \0]*', field)
    require(found, 'TAR', 'a number in a header is neither octal nor base-256')
    return int(found[1], 8)


def name_field(field: bytes) -> bytes:
    name, _, rest = field.partition(b'\0')
    require(not any(rest), 'TAR', 'a header hides bytes behind a name')
    return name


@dataclass(frozen=True)
class Header:
    kind: bytes
    name: bytes
    mode: int
    size: int
    mtime: int


def read_header(block: bytes) -> Header:
    """One 512-byte header, ustar or GNU."""
    magic = block[257:265]
    require(magic in (b'ustar\x0000', b'ustar  \0'), 'TAR', 'a header is neither ustar nor GNU')
    # Only ustar has a prefix; GNU keeps other fields there.
    ustar = magic == b'ustar\x0000'
    require(not any(block[500 if ustar else 345 :]), 'TAR', 'a header has fields of its own')
    numbers = {name: number(block[at : at + n], signed) for name, at, n, signed in NUMBERS}
    summed = sum(block) - sum(block[148:156]) + 8 * 0x20
    require(octal(block[148:156]) == summed, 'TAR', 'the checksum of a header is wrong')
    name = name_field(block[:100])
    prefix = name_field(block[345:500]) if ustar else b''
    kind = b'0' if block[156] == 0 else block[156:157]
    require(kind in (b'0', b'5', b'x', b'g', b'L'), 'TAR', 'neither file nor directory')
    good = kind not in (b'0', b'5') or not any(block[157:257])
    require(good, 'TAR', 'a file or directory has a link target')
    return Header(
        kind=kind,
        name=prefix + b'/' + name if prefix else name,
        mode=numbers['mode'] & 0o777,
        size=numbers['size'],
        mtime=max(0, numbers['mtime']),
    )


def pax_records(data: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        prefix = re.compile(rb'([1-9][0-9]{0,6}) ([^=]+)=').match(data, at)
        require(prefix, 'TAR', 'a pax record is malformed')
        end = at + int(prefix[1])
        good = prefix.end() < end <= len(data) and data[end - 1] == 0x0A
        require(good, 'TAR', 'the length of a pax record is wrong')
        keyword = prefix[2]
        try:
            good = keyword[0] != 0x20 and not CONTROL.search(keyword.decode())
        except UnicodeDecodeError:
            good = False
        require(good and keyword not in records, 'TAR', 'a pax keyword is malformed or repeated')
        require(not BARRED.fullmatch(keyword), 'TAR', 'a link, sparse or multi-volume member')
        records[keyword] = data[prefix.end() : end - 1]
        at = end
    charset = records.get(b'hdrcharset', b'ISO-IR 10646 2000 UTF-8')
    require(charset == b'ISO-IR 10646 2000 UTF-8', 'TAR', 'another character set than UTF-8')
    require(records.get(b'path') != b'', 'TAR', 'a pax path is empty')
    return records


def pax_size(header: Header, pax: dict[bytes, bytes]) -> int:
    """The record may only say what the header says, or cannot say."""
    if b'size' not in pax:
        return header.size
    digits = re.fullmatch(rb'(0|[1-9][0-9]{0,15})', pax[b'size'])
    require(digits, 'TAR', 'a pax size is malformed')
    size = int(digits[1])
    agree = size == header.size or (header.size == 0 and size > 8**11 - 1)
    require(agree, 'TAR', 'header and pax record differ in the size')
    return size


def pax_mtime(header: Header, pax: dict[bytes, bytes]) -> int:
    if b'mtime' not in pax:
        return header.mtime
    found = re.fullmatch(rb'(-?)0*([0-9]+)(\.[0-9]*)?', pax[b'mtime'])
    require(found, 'TAR', 'a pax mtime is malformed')
    # The first 16 digits are enough to see that a time is beyond all bounds
    return 0 if found[1] == b'-' else int(found[2][:16])


def member_entry(header: Header, before: dict[bytes, bytes], at: int) -> dict | None:
    """The manifest entry that a member should have, or None for the root itself."""
    try:
        path = before.get(b'path', header.name).decode()
    except UnicodeDecodeError:
        refuse('PATH', 'a path is not UTF-8')
    size = pax_size(header, before)
    common = {'mode': header.mode, 'mtime': pax_mtime(header, before)}
    require(common['mtime'] <= 2**33, 'PATH', 'a time after the year 2242')
    if header.kind == b'5':
        require(size == 0, 'TAR', 'a directory has a size')
        if path in ('.', './'):
            return None
        path = path.removeprefix('./').removesuffix('/')
        return common | {'path': path, 'type': 'directory'}
    require(not path.endswith('/'), 'TAR', 'a file is named like a directory')
    return common | {'offset': at, 'path': path.removeprefix('./'), 'size': size, 'type': 'file'}


def members(stream: Plaintext) -> Iterator[dict]:
    """The members in order; a consumer may read a file's bytes before it asks for the next."""
    # What an `x` or `L` header says of the member that follows it
    before: dict[bytes, bytes] | None = None
    while block := stream.read(BLOCK):
        require(len(block) == BLOCK, 'TAR', 'the stream does not end on a block')
        if not any(block):
            break
        header, start = read_header(block), stream.position
        if header.kind in (b'0', b'5'):
            entry = member_entry(header, before or {}, start)
            before = None
            if entry:
                yield entry
            stream.skip_member(start + (entry or {}).get('size', 0))
            continue
        require(before is None, 'TAR', 'an extension header after another')
        require(header.size <= 1048576, 'TAR', 'an extension header is too long')
        body = stream.read(header.size)
        stream.skip_member(start + header.size)
        if header.kind == b'L':
            before = {b'path': body.removesuffix(b'\0')}
        elif header.kind == b'x':
            before = pax_records(body)
        else:
            require(pax_records(body).keys() <= {b'comment'}, 'TAR', 'a global header counts')
    require(before is None, 'TAR', 'an extension header without a member')
    while chunk := stream.read(65536):
        require(not any(chunk), 'TAR', 'bytes after the end of the tar')
    require(stream.position % BLOCK == 0, 'TAR', 'the stream does not end on a block')


def walk(stream: Plaintext, entries: list[dict], take: Callable[[dict], None]) -> None:
    """Hold the tar stream against the manifest, whose entries are checked; `take` gets each entry
    with its bytes to read."""
    expected = iter(entries)
    for found in members(stream):
        require(found == next(expected, None), 'TAR', 'the tar stream and the manifest differ')
        take(found)
    require(next(expected, None) is None, 'TAR', 'the tar stream lacks entries of the manifest')

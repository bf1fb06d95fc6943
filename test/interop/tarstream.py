"""The payload's plaintext, a tar stream held against the manifest: docs/format.md,
[Paths and entries]."""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shapes import CONTROL, MAX_INTEGER, refuse, require

RESERVED = re.compile('(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])', re.ASCII | re.IGNORECASE)


def check_path(path: str) -> None:
    where = ascii(path[:200])
    require(0 < len(path.encode()) <= 4096, 'PATH', f'empty or too long: {where}')
    require(not CONTROL.search(path), 'PATH', f'control character: {where}')
    require(not re.search(r'[\\:]', path), 'PATH', f'backslash or colon: {where}')
    for component in path.split('/'):
        require(component not in ('', '.', '..'), 'PATH', f'absolute or with dots: {where}')
        require(len(component.encode()) <= 255, 'PATH', f'component too long: {where}')
        require(component[-1] not in '. ', 'PATH', f'component ends in dot or space: {where}')
        stem = component.split('.')[0].rstrip(' ')
        require(not RESERVED.fullmatch(stem), 'PATH', f'reserved name: {where}')


def check_entries(entries: list[dict], length: int) -> None:
    """Paths, collisions and extents of all entries."""
    seen: dict[str, str] = {}
    end = 0
    for entry in entries:
        check_path(entry['path'])
        folded = unicodedata.normalize('NFC', entry['path']).lower()
        require(folded not in seen, 'PATH', f'two entries as {ascii(entry["path"])}')
        seen[folded] = entry['type']
        if entry['type'] == 'file':
            require(entry['offset'] >= end, 'MANIFEST', 'extents overlap or are out of order')
            end = entry['offset'] + entry['size']
            require(end <= length, 'MANIFEST', 'an extent reaches beyond the payload')
    for folded in seen:
        while '/' in folded:
            folded = folded.rpartition('/')[0]
            good = seen.get(folded, 'directory') == 'directory'
            require(good, 'PATH', f'a file where a directory is needed: {ascii(folded)}')


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

    def skip_to(self, position: int) -> None:
        for _ in self.chunks(position - self.position):
            pass
        require(self.position == position, 'TAR', 'the tar stream ends inside a member')


def tar_number(field: bytes) -> int:
    if field[0] == 0x80:
        value = int.from_bytes(field[1:])
        require(value <= MAX_INTEGER, 'TAR', 'a number in a tar header is too large')
        return value
    octal = re.fullmatch(rb' *([0-7]*)[ \0]*', field)
    require(octal, 'TAR', 'a number in a tar header is not octal')
    return int(octal[1] or b'0', 8)


def pax_records(data: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    at = 0
    while at < len(data):
        prefix = re.compile(rb'([1-9][0-9]{0,6}) ([^=\n]+)=').match(data, at)
        require(prefix, 'TAR', 'a pax record is malformed')
        end = at + int(prefix[1])
        good = prefix.end() < end <= len(data) and data[end - 1] == 0x0A
        require(good, 'TAR', 'the length of a pax record is wrong')
        require(prefix[2] not in records, 'TAR', 'a pax record is repeated')
        require(not prefix[2].startswith(b'GNU.sparse.'), 'TAR', 'a sparse member')
        records[prefix[2]] = data[prefix.end() : end - 1]
        at = end
    return records


def pax_number(records: dict[bytes, bytes], name: bytes, otherwise: int) -> int:
    """Whole seconds or bytes; fractions are rounded down."""
    if name not in records:
        return otherwise
    pattern = rb'([0-9]{1,16})(\.[0-9]*)?' if name == b'mtime' else rb'([0-9]{1,16})'
    found = re.fullmatch(pattern, records[name])
    require(found, 'TAR', 'a number in a pax record is malformed')
    return int(found[1])


@dataclass(frozen=True)
class Header:
    kind: bytes
    name: bytes
    mode: int
    size: int
    mtime: int


def tar_header(block: bytes) -> Header:
    """One 512-byte header, ustar or GNU."""
    summed = sum(block) - sum(block[148:156]) + 8 * 0x20
    require(tar_number(block[148:156]) == summed, 'TAR', 'the checksum of a tar header is wrong')
    magic = block[257:265]
    require(magic in (b'ustar\x0000', b'ustar  \0'), 'TAR', 'a header is neither ustar nor GNU')
    mode, _, _ = (tar_number(block[at : at + 8]) for at in (100, 108, 116))
    name = block[:100].partition(b'\0')[0]
    # Only ustar has a prefix; GNU keeps other fields there.
    prefix = block[345:500].partition(b'\0')[0] if magic == b'ustar\x0000' else b''
    return Header(
        kind=block[156:157],
        name=prefix + b'/' + name if prefix else name,
        mode=mode & 0o777,
        size=tar_number(block[124:136]),
        mtime=tar_number(block[136:148]),
    )


def tar_entry(header: Header, pax: dict, long_name: bytes | None, at: int) -> dict | None:
    """The manifest entry that a member should have, or None for the root itself."""
    name = pax.get(b'path', header.name if long_name is None else long_name)
    try:
        path = name.decode()
    except UnicodeDecodeError:
        refuse('PATH', 'a path is not UTF-8')
    common = {'mode': header.mode, 'mtime': pax_number(pax, b'mtime', header.mtime)}
    size = pax_number(pax, b'size', header.size)
    if header.kind == b'5':
        require(size == 0, 'TAR', 'a directory has contents')
        path = path if path == './' else path.removeprefix('./').removesuffix('/')
        return None if path == './' else common | {'path': path, 'type': 'directory'}
    require(header.kind in (b'0', b'\0'), 'TAR', 'a member is neither file nor directory')
    # Not less a trailing slash: some readers would make that a directory, so its path is refused.
    path = path.removeprefix('./')
    return common | {'offset': at, 'path': path, 'size': size, 'type': 'file'}


def tar_entries(stream: Plaintext) -> Iterator[dict]:
    """The members in order; a consumer may read a file's bytes before it asks for the next."""
    pax: dict | None = None
    long_name: bytes | None = None
    while block := stream.read(512):
        require(len(block) == 512, 'TAR', 'the tar stream does not end on a block')
        if not any(block):
            break
        header = tar_header(block)
        if header.kind in (b'x', b'L', b'g'):
            require(header.size <= 1048576, 'TAR', 'a pax header or long name is too long')
            start = stream.position
            body = stream.read(header.size)
            stream.skip_to(start + -(-header.size // 512) * 512)
            if header.kind == b'x':
                require(pax is None, 'TAR', 'two pax headers for one member')
                pax = pax_records(body)
            elif header.kind == b'L':
                require(long_name is None, 'TAR', 'two long names for one member')
                long_name = body.rstrip(b'\0')
            else:
                lone = pax is None and long_name is None
                good = lone and pax_records(body).keys() <= {b'comment'}
                require(good, 'TAR', 'a global pax header')
            continue
        # Readers differ in which of the two names counts.
        twice = long_name is not None and b'path' in (pax or {})
        require(not twice, 'TAR', 'a member has a pax path and a long name')
        entry = tar_entry(header, pax or {}, long_name, stream.position)
        pax = long_name = None
        end = stream.position + -(-(entry or {}).get('size', 0) // 512) * 512
        if entry:
            check_path(entry['path'])
            require(entry['mtime'] <= 2**33, 'TAR', 'a time beyond 2^33')
            yield entry
        stream.skip_to(end)
    require(pax is None and long_name is None, 'TAR', 'a pax header or long name without a member')
    while chunk := stream.read(65536):
        require(not any(chunk), 'TAR', 'bytes after the end of the tar stream')
    require(stream.position % 512 == 0, 'TAR', 'the tar stream does not end on a block')


def walk(stream: Plaintext, entries: list[dict], take: Callable[[dict], None]) -> None:
    """Hold the tar stream against the manifest; `take` gets each entry with its bytes to read."""
    expected = iter(entries)
    for found in tar_entries(stream):
        require(found == next(expected, None), 'TAR', 'the tar stream and the manifest differ')
        take(found)
    require(next(expected, None) is None, 'TAR', 'the tar stream lacks entries of the manifest')

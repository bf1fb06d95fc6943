"""Which paths may stand side by side: docs/format.md, [Paths and entries]."""

import re
import unicodedata

from shapes import CONTROL, require

RESERVED = re.compile(
    r'(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])', re.ASCII | re.IGNORECASE
)

# Default_Ignorable_Code_Point of Unicode 17.0, which Python's tables lack.
IGNORABLE = re.compile(
    '[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e'
    '\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8'
    '\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]'
)
TABLES_ARE_OLDER = tuple(map(int, unicodedata.unidata_version.split('.'))) < (17,)


def fold(path: str) -> str:
    """What paths that some file system takes for one have in common."""
    bare = IGNORABLE.sub('', unicodedata.normalize('NFD', path))
    return unicodedata.normalize('NFC', bare.lower().upper())


def check_path(path: str) -> None:
    where = ascii(path[:200])
    require(0 < len(path.encode()) <= 4096, 'PATH', f'empty or too long: {where}')
    require(not CONTROL.search(path), 'PATH', f'control character: {where}')
    require(not re.search(r'[\\:]', path), 'PATH', f'backslash or colon: {where}')
    known = not TABLES_ARE_OLDER or 'Cn' not in map(unicodedata.category, path)
    require(known, 'PATH', f'code point newer than Unicode {unicodedata.unidata_version}: {where}')
    components = path.split('/')
    require(len(components) <= 100, 'PATH', f'too many components: {where}')
    for component in components:
        require(component not in ('', '.', '..'), 'PATH', f'absolute or with dots: {where}')
        require(len(component.encode()) <= 255, 'PATH', f'component too long: {where}')
        require(component[-1] not in '. ', 'PATH', f'component ends in dot or space: {where}')
        stem = component.split('.')[0].rstrip(' ')
        require(not RESERVED.fullmatch(stem), 'PATH', f'reserved name: {where}')


def check_entries(entries: list[dict], length: int) -> None:
    """Paths, collisions and extents of all entries."""
    kinds: dict[str, str] = {}
    needed: dict[str, str] = {}
    end = 0
    for entry in entries:
        path = entry['path']
        check_path(path)
        require(path not in kinds, 'PATH', f'twice: {ascii(path)}')
        kinds[path] = entry['type']
        while '/' in path and path not in needed:
            path = path.rpartition('/')[0]
            needed[path] = 'directory'
        if entry['type'] == 'file':
            require(entry['offset'] >= end, 'MANIFEST', 'extents overlap or are out of order')
            end = entry['offset'] + entry['size']
            require(end <= length, 'MANIFEST', 'an extent reaches beyond the payload')
    folded: dict[str, str] = {}
    for path in needed | kinds:
        good = path not in needed or kinds.get(path) != 'file'
        require(good, 'PATH', f'a file where a directory is needed: {ascii(path)}')
        other = folded.setdefault(fold(path), path)
        require(other == path, 'PATH', f'{ascii(path)} and {ascii(other)} are alike')

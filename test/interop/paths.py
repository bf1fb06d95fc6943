"""Which paths may stand side by side: docs/format.md, [Paths and entries]."""

import re

from folding import fold
from shapes import CONTROL, NONCHARACTER, require

RESERVED = re.compile(
    r'(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])', re.ASCII | re.IGNORECASE
)


def check_path(path: str) -> None:
    where = ascii(path[:200])
    require(0 < len(path.encode()) <= 4096, 'PATH', f'empty or too long: {where}')
    require(not CONTROL.search(path), 'PATH', f'control character: {where}')
    require(not re.search(r'[\\:]', path), 'PATH', f'backslash or colon: {where}')
    require(not NONCHARACTER.search(path), 'PATH', f'noncharacter: {where}')
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
        while '/' in path:
            path = path.rpartition('/')[0]
            if path in needed:
                break
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

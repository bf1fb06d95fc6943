"""The vectors of test/vectors/own, on every way of reading that reader.py has."""

import gzip
import hashlib
import json
import re
import sys
import tempfile
from pathlib import Path

from cards import Trust, read_card, read_identity
from reader import extract, open_archive, write_tar
from shapes import Refusal

OWN = Path(__file__).parent.parent / 'vectors' / 'own'

# What may refuse at each layer, and whether that takes a key
LAYERS = {
    'core': ('MAGIC|VERSION|SUITE|FLAGS|CORE|TRUNCATED', False),
    'keyring': ('KEYRING|TRUNCATED', False),
    'stanza': ('NO_KEY|SUITE', True),
    'commit': ('COMMIT', True),
    'mac': ('MAC', True),
    'grant': ('GRANT|EXPIRED', False),
    'footer': ('FOOTER|TRUNCATED', False),
    'seal': ('SEAL|SIGNATURE|UNTRUSTED|EXPIRED', False),
    'header': ('PAYLOAD', False),
    'header-key': ('FLOE|PAYLOAD', True),
    'manifest': ('MANIFEST', False),
    'contents': ('MANIFEST|SEGMENT|PATH|ENTRY', True),
    'tree': ('TREE', False),
    'segment': ('TREE', False),
    'segment-key': ('SEGMENT', True),
    'tar': ('TAR|PATH|ENTRY', True),
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def archive_of(vector: dict) -> bytes:
    data = gzip.decompress((OWN / vector['archive']).read_bytes())
    for edit in vector.get('edits', []):
        at, end = edit['at'], edit['at'] + edit['remove']
        data = data[:at] + bytes.fromhex(edit['insert']) + data[end:]
    assert sha256(data) == vector['sha256'], vector['name']
    return data


def outcome(run) -> str:
    try:
        run()
        return 'opened'
    except Refusal as refusal:
        return refusal.code


def check(vector: dict, work: Path) -> list[str]:
    """What is wrong; nothing if all is as it should be."""
    path = work / 'archive.srm'
    path.write_bytes(archive_of(vector))
    trust = Trust(
        [read_card(OWN / card) for card in vector['authors']],
        [read_card(OWN / card) for card in vector['custodians']],
    )
    identity = read_identity(OWN / vector['identity'], None)
    ring = OWN / vector['keyring'] if 'keyring' in vector else None

    def opened(*identities):
        return open_archive(path, trust, list(identities), ring)

    out, tar = work / 'out', work / 'out.tar'
    found = {
        'open': outcome(lambda: extract(opened(identity), out)),
        'tar': outcome(lambda: write_tar(opened(identity), tar)),
        'verify': outcome(lambda: list(opened().segments)),
    }
    if 'opened' in vector:
        wrong = [f'{way}: {code}' for way, code in found.items() if code != 'opened']
        if wrong:
            return wrong
        expected = vector['opened']
        files = {str(p.relative_to(out)): sha256(p.read_bytes()) for p in out.rglob('*') if p.is_file()}
        good = files == expected['files'] and sha256(tar.read_bytes()) == expected['tar']
        return [] if good else ['other files or another tar']
    codes, keyed = LAYERS[vector['refused']['layer']]
    right = {'open': codes, 'tar': codes, 'verify': 'opened' if keyed else codes}
    wrong = [f'{way}: {code}' for way, code in found.items() if not re.fullmatch(right[way], code)]
    return wrong + [f'{path.name} is there' for path in (out, tar) if path.exists()]


def main() -> int:
    vectors = json.loads((OWN / 'vectors.json').read_text())['vectors']
    failed = 0
    for vector in vectors:
        with tempfile.TemporaryDirectory() as work:
            wrong = check(vector, Path(work))
        if wrong:
            failed += 1
            print(f'FAILED: vector {vector["name"]}: {"; ".join(wrong)}')
    print(f'{len(vectors) - failed} vectors passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

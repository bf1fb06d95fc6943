"""The tables of hostile input that the library's own tests run, held against this reader: what one
of the two refuses, the other refuses. test/interop/table.ts writes them."""

import base64
import json
from collections.abc import Callable, Iterator

from cards import POLICY
from paths import check_entries, check_path
from primitives import ED25519
from shapes import Refusal, name, parse
from tarstream import Plaintext, members


def refuses(act: Callable[[], object]) -> bool:
    try:
        act()
    except (Refusal, ValueError):
        return True
    return False


def read_tar(data: bytes) -> None:
    check_entries(list(members(Plaintext(iter([data])))), len(data))


def listed(entries: list[dict]) -> list[dict]:
    return [entry | {'offset': 0, 'size': 0} for entry in entries]


def rows(table: dict) -> Iterator[tuple[str, bool]]:
    """What each row is, and whether this reader judges it as the table says."""
    for row in table['tars']:
        data = base64.b64decode(row['data'])
        yield f'a tar: {row["name"]}', refuses(lambda: read_tar(data)) == row['refused']
    for row in table['paths']:
        said = refuses(lambda: check_path(row['text']))
        yield f'a path: {ascii(row["text"][:60])}', said == row['refused']
    for row in table['entries']:
        for entries in (listed(row['entries']), listed(row['entries'][::-1])):
            said = refuses(lambda: check_entries(entries, 0))
            yield f'entries: {row["name"]}', said == row['refused']
    for row in table['names']:
        said = refuses(lambda: name()(row['text']))
        yield f'a name: {ascii(row["text"][:60])}', said == row['refused']
    for row in table['layouts']:
        data = row['text'].encode()
        said = refuses(lambda: parse('POLICY', data, POLICY, any_layout=True))
        yield f'a policy: {ascii(row["text"])}', said == row['refused']
    for row in table['signatures']:
        public, message, signature = (
            base64.b64decode(row[part]) for part in ('publicKey', 'message', 'signature')
        )
        said = ED25519.verify(public, signature, message)
        yield f'Ed25519, {row["name"]}', said == row['verifies']


def load(path: str) -> dict:
    with open(path, 'rb') as file:
        return json.load(file)

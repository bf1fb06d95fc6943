"""The regions of an archive, as bytes and documents: docs/format.md, [The archive]. Who wrote
them, and whether their keys fit, is for reader.py."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cards import read_small, signatures
from paths import check_entries
from primitives import SUITES, Floe, Suite, join, levels, sha384
from quorums import quorums_shape
from shapes import (MAX_INTEGER, Shape, array, base64_of, canonical, check, hexadecimal, integer,
    literal, name, parse, record, require, row, text, time)  # fmt: skip


class Source:
    """A file read by position; short reads are refused."""

    def __init__(self, path: str):
        self.file = Path(path).open('rb')
        self.length = os.fstat(self.file.fileno()).st_size

    def read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        data = self.file.read(length)
        require(len(data) == length, 'TRUNCATED', f'the file ends before {offset + length}')
        return data


# --- [Core] -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Core:
    suite: Suite
    archive: bytes
    segment_bytes: int
    slot_bytes: int
    author: list[bytes]
    hash: bytes

    @property
    def payload_at(self) -> int:
        return 4096 + 2 * self.slot_bytes

    @property
    def enc_seg_len(self) -> int:
        return self.segment_bytes + 32


def read_core(source: Source) -> Core:
    head = source.read(0, min(source.length, 12))
    require(head[:8] == b'\x89SRM\r\n\x1a\n', 'MAGIC', 'not a strongroom archive')
    data = source.read(0, 4096)
    version, number, flags = struct.unpack_from('>HBB', data, 8)
    require(version == 1, 'VERSION', f'version {version} is unknown')
    suite = next((suite for suite in SUITES if suite.number == number), None)
    require(suite, 'SUITE', f'suite {number} is unknown')
    require(flags == 0, 'FLAGS', 'a critical flag is set')
    segment_bytes, slot_bytes = struct.unpack_from('>II', data, 44)
    good = 4096 <= segment_bytes <= 16777216 and segment_bytes.bit_count() == 1
    require(good, 'CORE', 'bad segment length')
    require(4096 <= slot_bytes <= 67108864 and slot_bytes % 4096 == 0, 'CORE', 'bad slot length')
    end = 52 + 32 * len(suite.algorithms)
    require(not any(data[end:]), 'CORE', 'the rest is not zero')
    author = [data[at : at + 32] for at in range(52, end, 32)]
    return Core(suite, data[12:44], segment_bytes, slot_bytes, author, sha384(data))


# --- [Key ring] ---------------------------------------------------------------------------------


def keyring_shape(core: Core) -> Shape:
    """Gives `signatures`, `signed`, and `raw`: what was signed, before it was decoded."""
    enc = base64_of(core.suite.kem.enc_bytes)
    stanza = record({'key': hexadecimal(32)}, enc=enc, sealed=base64_of(48))
    signed = record(
        {
            'previous': base64_of(48),
            'quorums': quorums_shape(core.suite),
            'reason': text(0, 1024),
        },
        archive=hexadecimal(32),
        commit=base64_of(48),
        core=base64_of(48),
        created=time,
        epoch=integer(1),
        mac=base64_of(48),
        recipients=array(stanza, 0, 10000),
        type=literal('strongroom/keyring'),
        version=literal(1),
    )
    document = record(signatures=signatures(core.suite), signed=signed)

    def shape(value: Any) -> dict:
        ring = document(value)
        signed = ring['signed']
        check(('previous' in signed) == (signed['epoch'] > 1), 'an epoch without its chain')
        check(signed['recipients'] or 'quorums' in signed, 'nobody can open it')
        named = [stanza['key'] for stanza in signed['recipients'] if 'key' in stanza]
        check(len(named) == len(set(named)), 'two stanzas name the same key')
        check(signed['archive'] == core.archive, 'a key ring of another archive')
        check(signed['core'] == core.hash, 'a key ring of another core')
        return ring | {'raw': value['signed']}

    return shape


def read_slot(slot: bytes) -> bytes | None:
    """The document of a slot in use, or None."""
    state = slot[:8]
    if state == b'SRMDRAFT':
        return None
    if state == bytes(8):
        require(not any(slot), 'KEYRING', 'an empty slot is not zero')
        return None
    require(state == b'SRMRING\n', 'KEYRING', 'unknown state of a slot')
    length = struct.unpack_from('>Q', slot, 8)[0]
    require(length <= len(slot) - 64, 'KEYRING', 'the document does not fit its slot')
    document = slot[64 : 64 + length]
    require(sha384(document) == slot[16:64], 'KEYRING', 'the digest of a slot differs')
    require(not any(slot[64 + length :]), 'KEYRING', 'the rest of a slot is not zero')
    return document


def read_keyring(source: Source, core: Core, detached: str | None) -> dict:
    shape = keyring_shape(core)
    if detached:
        return parse('KEYRING', read_small(detached, 67108864, 'KEYRING'), shape)
    slots = [source.read(4096 + i * core.slot_bytes, core.slot_bytes) for i in (0, 1)]
    documents = [document for document in map(read_slot, slots) if document is not None]
    rings = [parse('KEYRING', document, shape) for document in documents]
    require(rings, 'KEYRING', 'no slot is in use')
    epochs = [ring['signed']['epoch'] for ring in rings]
    require(len(epochs) == len(set(epochs)), 'KEYRING', 'two slots have the same epoch')
    return rings[epochs.index(max(epochs))]


# --- [Footer, Seal] -----------------------------------------------------------------------------


class Footer(NamedTuple):
    manifest_at: int
    manifest: int
    tiles: int
    seal: int


def read_footer(source: Source, core: Core) -> Footer:
    data = source.read(max(source.length - 64, 0), 64)
    require(data[:8] == b'SRMTAIL\n', 'FOOTER', 'no footer: truncated, or trailing bytes')
    at, manifest, tiles, seal, total = numbers = struct.unpack_from('>5Q', data, 8)
    require(max(numbers) <= MAX_INTEGER, 'FOOTER', 'a number exceeds 2^53 - 1')
    require(at + manifest + tiles + seal + 64 == total, 'FOOTER', 'the lengths do not add up')
    require(total == source.length, 'FOOTER', 'the file is shorter or longer than the archive')
    require(data[48:] == core.archive[:16], 'FOOTER', 'footer of another archive')
    require(seal <= 1048576, 'FOOTER', 'the seal is too long')
    return Footer(at, manifest, tiles, seal)


def read_envelope(source: Source, core: Core, footer: Footer) -> dict:
    shape = record(
        payload=base64_of(),
        payloadType=literal('application/vnd.in-toto+json'),
        signatures=signatures(core.suite),
    )
    return parse('SEAL', source.read(source.length - 64 - footer.seal, footer.seal), shape)


def claims(value: Any) -> dict:
    check(type(value) is dict and len(canonical(value)) <= 65536, 'bad claims')
    return value


def read_statement(core: Core, payload: bytes) -> dict:
    """The predicate, with the content root as `root`."""
    digest = hexadecimal(core.suite.hash_bytes)
    count = len(core.suite.algorithms)
    predecessor = record(
        archive=hexadecimal(32),
        author=record(keys=array(hexadecimal(32), count, count), name=name()),
        contentRoot=digest,
        time=time,
    )
    predicate = record(
        {'claims': claims, 'rekeyed': array(predecessor, 1, 256)},
        archive=hexadecimal(32),
        author=record(keys=array(hexadecimal(32), 1, 2), name=name()),
        commit=base64_of(48),
        core=base64_of(48),
        floe=base64_of(74),
        manifest=record(digest=digest, length=integer()),
        payload=record(length=integer(), segments=integer(1, 2**40)),
        suite=literal(core.suite.name),
        time=time,
    )
    shape = record(
        _type=literal('https://in-toto.io/Statement/v1'),
        subject=row(record(digest=record(**{core.suite.subject: digest}))),
        predicateType=literal('urn:strongroom:seal:v1'),
        predicate=predicate,
    )
    statement = parse('SEAL', payload, shape)
    root = statement['subject'][0]['digest'][core.suite.subject]
    return statement['predicate'] | {'root': root}


# --- [Hash tree] --------------------------------------------------------------------------------


def read_tiles(source: Source, core: Core, footer: Footer, seal: dict) -> list[bytes]:
    """The leaf hashes, once the leaves join to the content root and every level to the next."""
    suite, size = core.suite, core.suite.hash_bytes
    data = source.read(footer.manifest_at + footer.manifest, footer.tiles)
    hashes = [data[at : at + size] for at in range(0, len(data), size)]
    tiles = [hashes[at.start : at.stop] for at in levels(seal['payload']['segments'])]
    good = join(suite, tiles[0]) == seal['root']
    require(good, 'TREE', 'the leaves do not give the content root')
    for below, above in zip(tiles, tiles[1:]):
        for i, node in enumerate(above):
            good = join(suite, below[256 * i : 256 * i + 256]) == node
            require(good, 'TREE', 'a tile does not fit the leaves')
    return tiles[0]


# --- [Manifest] ---------------------------------------------------------------------------------


COMMON = {'mode': integer(0, 0o777), 'mtime': integer(0, 2**33), 'path': text()}
FILE = record(**COMMON, offset=integer(), size=integer(), type=literal('file'))
DIRECTORY = record(**COMMON, type=literal('directory'))


def entry_shape(value: Any) -> dict:
    is_file = isinstance(value, dict) and value.get('type') == 'file'
    return (FILE if is_file else DIRECTORY)(value)


OMS = record(
    {'shardSize': integer(1)},
    digests=array(array(hexadecimal(32))),
    name=text(1, 255, plain=True),
)

MANIFEST = record(
    {'oms': OMS},
    entries=array(entry_shape, 0, 2**24),
    length=integer(),
    type=literal('strongroom/manifest'),
    version=literal(1),
)


def read_manifest(source: Source, core: Core, footer: Footer, seal: dict) -> bytes:
    """The manifest as encrypted, once its length is bounded and its digest fits the seal."""
    most = 74 + 268435456 + 32 * (268435456 // core.segment_bytes)
    require(106 <= footer.manifest <= most, 'MANIFEST', 'bad length of the manifest')
    data = source.read(footer.manifest_at, footer.manifest)
    digest = seal['manifest']['digest']
    require(core.suite.hash(data) == digest, 'MANIFEST', 'the digest differs')
    return data


def check_digests(oms: dict, entries: list[dict]) -> None:
    sizes = [entry['size'] for entry in entries if entry['type'] == 'file']
    shard = oms.get('shardSize')
    expected = [1 if shard is None else -(-size // shard) for size in sizes]
    found = [len(digests) for digests in oms['digests']]
    require(found == expected, 'MANIFEST', 'not the digests that the files ask for')


def open_manifest(core: Core, key: bytes, data: bytes, seal: dict) -> list[dict]:
    floe = Floe(key, data[:74], core.enc_seg_len, core.hash)
    parts = [data[at : at + core.enc_seg_len] for at in range(74, len(data), core.enc_seg_len)]
    require(len(parts) == 1 or len(parts[-1]) > 32, 'MANIFEST', 'the last segment is empty')
    plain = [floe.open(i, i == len(parts) - 1, part) for i, part in enumerate(parts)]
    manifest = parse('MANIFEST', b''.join(plain), MANIFEST)
    length = seal['payload']['length']
    require(manifest['length'] == length, 'MANIFEST', 'length differs from the seal')
    check_entries(manifest['entries'], length)
    if 'oms' in manifest:
        check_digests(manifest['oms'], manifest['entries'])
    return manifest['entries']

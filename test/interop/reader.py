#!/usr/bin/env python3
"""The second reader of the Strongroom archive format, version 1.

Written from docs/format.md alone, without a look at the library, to show that a stranger can do
so. Titles in brackets, such as [Key ring], are sections of that document. The steps of [How to
read] are here; below them are cards.py, tarstream.py, primitives.py and shapes.py. Python 3.11 or
later, packages as in requirements.txt.

    reader.py open ARCHIVE DIR --identity ID --signer CARD
    reader.py tar ARCHIVE OUT.tar --identity ID --signer CARD
    reader.py verify ARCHIVE --signer CARD
    reader.py fingerprint CARD

Exit status: 0 fine, 1 could not run, 2 usage, 3 refused. A refusal leaves nothing under the final
name and prints one line with a code.
"""

import argparse
import hmac
import os
import secrets
import shutil
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cards import Card, Identity, pae, read_card, read_identity, read_small
from primitives import (
    SUITES,
    Floe,
    Suite,
    hkdf_expand,
    hkdf_extract,
    hpke_open,
    join,
    leaf,
    levels,
    sha384,
)
from shapes import (
    MAX_INTEGER,
    SIGNATURES,
    Refusal,
    Shape,
    array,
    base64_of,
    canonical,
    check,
    hexadecimal,
    integer,
    literal,
    parse,
    record,
    require,
    text,
    time,
)
from tarstream import Plaintext, check_entries, walk

# --- Step 1: the core [Core] --------------------------------------------------------------------


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


# --- Step 2: the key ring [Key ring] ------------------------------------------------------------


def keyring_shape(suite: Suite) -> Shape:
    stanza = record(
        {'enc': base64_of(suite.enc_bytes), 'sealed': base64_of(48)}, {'key': hexadecimal(32)}
    )
    signed = record(
        {
            'archive': hexadecimal(32),
            'commit': base64_of(48),
            'core': base64_of(48),
            'created': time,
            'epoch': integer(1),
            'mac': base64_of(48),
            'recipients': array(stanza, 1, 10000),
            'type': literal('strongroom/keyring'),
            'version': literal(1),
        },
        {'previous': base64_of(48), 'reason': text(0, 1024)},
    )
    return record({'signatures': SIGNATURES, 'signed': signed})


@dataclass(frozen=True)
class KeyRing:
    signatures: list[dict]
    signed: dict
    raw: dict


def parse_keyring(suite: Suite, data: bytes) -> KeyRing:
    document, decoded = parse('KEYRING', data, keyring_shape(suite))
    signed = decoded['signed']
    require(('previous' in signed) == (signed['epoch'] > 1), 'KEYRING', 'epoch without its chain')
    named = [stanza['key'] for stanza in signed['recipients'] if 'key' in stanza]
    require(len(named) == len(set(named)), 'KEYRING', 'two stanzas name the same key')
    return KeyRing(decoded['signatures'], signed, document['signed'])


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


def read_keyring(source: Source, core: Core, detached: str | None) -> KeyRing:
    if detached:
        ring = parse_keyring(core.suite, read_small(detached, 67108864, 'KEYRING'))
    else:
        slots = [source.read(4096 + i * core.slot_bytes, core.slot_bytes) for i in (0, 1)]
        documents = [document for document in map(read_slot, slots) if document is not None]
        rings = [parse_keyring(core.suite, document) for document in documents]
        require(rings, 'KEYRING', 'no slot is in use')
        epochs = [ring.signed['epoch'] for ring in rings]
        require(len(epochs) == len(set(epochs)), 'KEYRING', 'two slots have the same epoch')
        ring = rings[epochs.index(max(epochs))]
    require(ring.signed['archive'] == core.archive, 'KEYRING', 'key ring of another archive')
    require(ring.signed['core'] == core.hash, 'KEYRING', 'key ring of another core')
    return ring


# --- Steps 3 to 6: the keys [Keys inside an archive] --------------------------------------------


def derive(core: Core, file_key: bytes, purpose: bytes, length: int) -> bytes:
    """D(purpose, n)"""
    prk = hkdf_extract('sha384', core.archive, file_key)
    return hkdf_expand('sha384', prk, b'strongroom/v1/' + purpose + core.hash, length)


def unwrap(core: Core, ring: KeyRing, identity: Identity) -> bytes:
    """Steps 3 and 4: the file key, by the named stanza or else by every hidden one."""
    commit = ring.signed['commit']
    info = b'strongroom/v1/wrap' + core.hash + commit
    stanzas = ring.signed['recipients']
    tried = [stanza for stanza in stanzas if stanza.get('key') == identity.card.kem_id]
    tried = tried or [stanza for stanza in stanzas if 'key' not in stanza]
    opened = [
        hpke_open(core.suite, identity.kem_seed, stanza['enc'], info, stanza['sealed'])
        for stanza in tried
    ]
    keys = [key for key in opened if key is not None]
    require(keys, 'NO_KEY', 'the key ring has no stanza for this identity')
    fitting = [key for key in keys if hmac.compare_digest(derive(core, key, b'commit', 48), commit)]
    require(fitting, 'COMMIT', 'the file key is not that of the archive')
    return fitting[0]


def check_mac(core: Core, ring: KeyRing, file_key: bytes) -> None:
    """Step 5."""
    body = canonical({name: value for name, value in ring.raw.items() if name != 'mac'})
    mac = hmac.digest(derive(core, file_key, b'keyring', 48), body, 'sha384')
    require(hmac.compare_digest(mac, ring.signed['mac']), 'MAC', 'the mac of the ring differs')


@dataclass(frozen=True)
class Trust:
    authors: list[Card]
    custodians: list[Card]


def check_grant(core: Core, ring: KeyRing, trust: Trust) -> None:
    """Step 6: the author whom the core names signed the ring, or a trusted custodian."""
    authors = [card for card in trust.authors if card.sign_ids == core.author]
    message = pae(b'application/vnd.strongroom.keyring.v1+json', canonical(ring.raw))
    signers = [card for card in authors + trust.custodians if card.suite is core.suite]
    good = any(card.signed(ring.signatures, message) for card in signers)
    require(good, 'GRANT', 'nobody trusted signed the key ring')


# --- Step 7: the footer and the seal [Footer, Seal] ---------------------------------------------


@dataclass(frozen=True)
class Footer:
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
    return Footer(at, manifest, tiles, seal)


def seal_shape(suite: Suite) -> Shape:
    digest = hexadecimal(suite.hash_bytes)

    def claims(value: Any) -> dict:
        check(type(value) is dict and len(canonical(value)) <= 65536, 'bad claims')
        return value

    predicate = record(
        {
            'archive': hexadecimal(32),
            'author': record(
                {'keys': array(hexadecimal(32), 1, 2), 'name': text(1, 128, plain=True)}
            ),
            'commit': base64_of(48),
            'core': base64_of(48),
            'floe': base64_of(74),
            'manifest': record({'digest': digest, 'length': integer()}),
            'payload': record({'length': integer(), 'segments': integer(1, 2**40)}),
            'suite': literal(suite.name),
            'time': time,
        },
        {'claims': claims},
    )
    return record(
        {
            '_type': literal('https://in-toto.io/Statement/v1'),
            'subject': array(record({'digest': record({suite.subject: digest})}), 1, 1),
            'predicateType': literal('urn:strongroom:seal:v1'),
            'predicate': predicate,
        }
    )


@dataclass(frozen=True)
class Seal:
    root: bytes
    author: str
    time: str
    floe: bytes
    manifest_digest: bytes
    manifest_bytes: int
    length: int
    segments: int


def read_seal(source: Source, core: Core, ring: KeyRing, footer: Footer, trust: Trust) -> Seal:
    require(footer.seal <= 1048576, 'SEAL', 'the seal is too long')
    data = source.read(source.length - 64 - footer.seal, footer.seal)
    shape = record(
        {
            'payload': base64_of(),
            'payloadType': literal('application/vnd.in-toto+json'),
            'signatures': SIGNATURES,
        }
    )
    envelope = parse('SEAL', data, shape)[1]
    author = next((card for card in trust.authors if card.sign_ids == core.author), None)
    require(author, 'UNTRUSTED', 'the author is none of the signers')
    message = pae(b'application/vnd.in-toto+json', envelope['payload'])
    good = author.suite is core.suite and author.signed(envelope['signatures'], message)
    require(good, 'SIGNATURE', 'the author did not sign this seal')

    statement = parse('SEAL', envelope['payload'], seal_shape(core.suite))[1]
    said = statement['predicate']
    require(said['archive'] == core.archive, 'SEAL', 'seal of another archive')
    require(said['core'] == core.hash, 'SEAL', 'seal of another core')
    require(said['commit'] == ring.signed['commit'], 'SEAL', 'commit of the key ring differs')
    require(said['author']['keys'] == core.author, 'SEAL', 'author of the core differs')
    in_time = author.created <= said['time'] and said['time'] <= (author.expires or '9999z')
    require(in_time, 'EXPIRED', 'sealed outside the validity of the author card')

    length, segments = said['payload']['length'], said['payload']['segments']
    require(segments == max(1, -(-length // core.segment_bytes)), 'SEAL', 'bad segment count')
    payload = 74 + length + 32 * segments
    require(footer.manifest_at == core.payload_at + payload, 'SEAL', 'payload length differs')
    require(footer.manifest == said['manifest']['length'], 'SEAL', 'manifest length differs')
    tiles = sum(len(level) for level in levels(segments)) * core.suite.hash_bytes
    require(footer.tiles == tiles, 'SEAL', 'the tiles do not fit the segment count')
    return Seal(
        root=statement['subject'][0]['digest'][core.suite.subject],
        author=author.name,
        time=said['time'],
        floe=said['floe'],
        manifest_digest=said['manifest']['digest'],
        manifest_bytes=footer.manifest,
        length=length,
        segments=segments,
    )


# --- The tiles [Hash tree] ----------------------------------------------------------------------


def read_tiles(source: Source, core: Core, footer: Footer, seal: Seal) -> list[bytes]:
    """The leaf hashes, once the leaves join to the content root and every level to the next."""
    suite, size = core.suite, core.suite.hash_bytes
    data = source.read(footer.manifest_at + footer.manifest, footer.tiles)
    tiles = [
        [data[at * size : at * size + size] for at in level] for level in levels(seal.segments)
    ]
    require(join(suite, tiles[0]) == seal.root, 'TREE', 'the leaves do not give the content root')
    for below, above in zip(tiles, tiles[1:]):
        for i, node in enumerate(above):
            good = join(suite, below[256 * i : 256 * i + 256]) == node
            require(good, 'TREE', 'a tile does not fit the leaves')
    return tiles[0]


# --- Step 9: the manifest [Manifest] ------------------------------------------------------------


COMMON = {'mode': integer(0, 0o777), 'mtime': integer(0, 2**33), 'path': text()}
FILE = record(COMMON | {'offset': integer(), 'size': integer(), 'type': literal('file')})
DIRECTORY = record(COMMON | {'type': literal('directory')})


def entry_shape(value: Any) -> dict:
    is_file = isinstance(value, dict) and value.get('type') == 'file'
    return (FILE if is_file else DIRECTORY)(value)


MANIFEST = record(
    {
        'entries': array(entry_shape, 0, 2**24),
        'length': integer(),
        'type': literal('strongroom/manifest'),
        'version': literal(1),
    }
)


def read_manifest_bytes(source: Source, core: Core, footer: Footer, seal: Seal) -> bytes:
    """The encrypted manifest, once its length is bounded and its digest fits the seal."""
    most = 74 + 268435456 + 32 * (268435456 // core.segment_bytes)
    require(106 <= seal.manifest_bytes <= most, 'MANIFEST', 'bad length of the manifest')
    data = source.read(footer.manifest_at, footer.manifest)
    require(core.suite.hash(data) == seal.manifest_digest, 'MANIFEST', 'the digest differs')
    return data


def open_manifest(core: Core, key: bytes, data: bytes, seal: Seal) -> list[dict]:
    floe = Floe(key, data[:74], core.enc_seg_len, core.hash)
    parts = [data[at : at + core.enc_seg_len] for at in range(74, len(data), core.enc_seg_len)]
    require(len(parts) == 1 or len(parts[-1]) > 32, 'MANIFEST', 'the last segment is empty')
    plain = [floe.open(i, i == len(parts) - 1, part) for i, part in enumerate(parts)]
    manifest = parse('MANIFEST', b''.join(plain), MANIFEST)[1]
    require(manifest['length'] == seal.length, 'MANIFEST', 'length differs from the seal')
    check_entries(manifest['entries'], seal.length)
    return manifest['entries']


# --- Reading as a whole [How to read] -----------------------------------------------------------


@dataclass(frozen=True)
class Opened:
    core: Core
    seal: Seal
    entries: list[dict] | None
    segments: Iterator[bytes]


def open_archive(
    path: str, trust: Trust, identity: Identity | None = None, detached: str | None = None
) -> Opened:
    """Steps 1 to 9, and step 10 as an iterator: plaintext segments, or without an identity the
    checked ciphertext segments."""
    source = Source(path)
    core = read_core(source)
    for card in [*trust.authors, *([identity.card] if identity else [])]:
        require(card.suite is core.suite, 'SUITE', 'a card of another suite than the archive')
    ring = read_keyring(source, core, detached)
    file_key = b''
    if identity:
        file_key = unwrap(core, ring, identity)
        check_mac(core, ring, file_key)
    check_grant(core, ring, trust)
    footer = read_footer(source, core)
    seal = read_seal(source, core, ring, footer, trust)
    header = source.read(core.payload_at, 74)
    require(header == seal.floe, 'PAYLOAD', 'the payload header is not that of the seal')
    floe = entries = None
    if identity:
        floe = Floe(derive(core, file_key, b'payload', 32), header, core.enc_seg_len, core.hash)
    manifest = read_manifest_bytes(source, core, footer, seal)
    if identity:
        entries = open_manifest(core, derive(core, file_key, b'manifest', 32), manifest, seal)
    leaves = read_tiles(source, core, footer, seal)

    def segments() -> Iterator[bytes]:
        for i in range(seal.segments):
            final = i == seal.segments - 1
            at = i * core.enc_seg_len
            length = seal.length + 32 * seal.segments - at if final else core.enc_seg_len
            data = source.read(core.payload_at + 74 + at, length)
            require(leaf(core.suite, i, data) == leaves[i], 'TREE', f'segment {i} was changed')
            yield floe.open(i, final, data) if floe else data

    return Opened(core, seal, entries, segments())


@contextmanager
def staged(final: str) -> Iterator[Path]:
    """A name beside `final` that becomes it at the end, or vanishes with its content."""
    target = Path(final).absolute()
    if os.path.lexists(target):
        raise FileExistsError(f'{ascii(final)} exists')
    stage = target.with_name(f'.strongroom-{secrets.token_hex(8)}')
    try:
        yield stage
        os.rename(stage, target)
    finally:
        if stage.is_dir():
            shutil.rmtree(stage)
        stage.unlink(missing_ok=True)


def extract(opened: Opened, directory: str) -> None:
    with staged(directory) as stage:
        stage.mkdir(mode=0o700)
        stream = Plaintext(opened.segments)

        def take(entry: dict) -> None:
            path = stage / entry['path']
            if entry['type'] == 'directory':
                path.mkdir(parents=True, exist_ok=True)
                return
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open('xb') as file:
                file.writelines(stream.chunks(entry['size']))
                require(file.tell() == entry['size'], 'TAR', 'the tar stream ends inside a member')
            path.chmod(0o755 if entry['mode'] & 0o100 else 0o644)
            os.utime(path, (entry['mtime'], entry['mtime']))

        walk(stream, opened.entries, take)
        # Directories last: making what is in them touches their times.
        for entry in opened.entries:
            if entry['type'] == 'directory':
                os.utime(stage / entry['path'], (entry['mtime'], entry['mtime']))
        for parent, _, _ in os.walk(stage):
            os.chmod(parent, 0o755)


def write_tar(opened: Opened, out: str) -> None:
    with staged(out) as stage, stage.open('xb') as file:
        walk(Plaintext(opened.segments, file.write), opened.entries, lambda entry: None)


# --- Command line -------------------------------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='reader.py', description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    for name, out in (('open', 'DIR'), ('tar', 'OUT.tar'), ('verify', None)):
        command = commands.add_parser(name)
        command.add_argument('archive', metavar='ARCHIVE')
        if out:
            command.add_argument('out', metavar=out)
            command.add_argument('--identity', metavar='ID', required=True)
            command.add_argument('--passphrase-file', metavar='FILE')
        command.add_argument('--signer', metavar='CARD', action='append', required=True)
        command.add_argument('--custodian', metavar='CARD', action='append', default=[])
        command.add_argument('--keyring', metavar='FILE')
    commands.add_parser('fingerprint').add_argument('card', metavar='CARD')
    return parser.parse_args()


def run(args: argparse.Namespace) -> None:
    if args.command == 'fingerprint':
        print(read_card(args.card).fingerprint)
        return
    identity = None
    if args.command != 'verify':
        passphrase = None
        if args.passphrase_file:
            passphrase = Path(args.passphrase_file).read_text('utf-8').removesuffix('\n')
        identity = read_identity(args.identity, passphrase)
    trust = Trust([read_card(c) for c in args.signer], [read_card(c) for c in args.custodian])
    opened = open_archive(args.archive, trust, identity, args.keyring)
    if args.command == 'open':
        extract(opened, args.out)
    elif args.command == 'tar':
        write_tar(opened, args.out)
    else:
        for _ in opened.segments:
            pass
    seal = opened.seal
    print(f'{seal.segments} segments, sealed by {ascii(seal.author)} at {seal.time}')


def main() -> int:
    try:
        run(arguments())
    except Refusal as refusal:
        print(f'refused: {refusal.code}: {refusal}', file=sys.stderr)
        return 3
    except (OSError, UnicodeDecodeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

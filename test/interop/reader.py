#!/usr/bin/env python3
"""The second reader of the Strongroom archive format, version 1.

Written from docs/format.md alone, without a look at the library, to show that a stranger can do
so. Titles in brackets, such as [Key ring], are sections of that document. The steps of [How to
read] are here; below them are archive.py, quorums.py, tarstream.py, paths.py, cards.py,
primitives.py and shapes.py. Python 3.11 or later, packages as in requirements.txt.

    reader.py open ARCHIVE DIR --identity ID --signer CARD
    reader.py tar ARCHIVE OUT.tar --identity ID --trust POLICY
    reader.py open ARCHIVE DIR --identity CUSTODIAN --identity CUSTODIAN --signer CARD
    reader.py verify ARCHIVE --signer CARD
    reader.py fingerprint CARD

Exit status: 0 fine, 1 could not run, 2 usage, 3 refused. A refusal leaves nothing under the final
name and prints one line with a code.
"""

import argparse
import hmac
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import archive
import quorums
from archive import Core, Footer, Source
from cards import Card, Identity, Trust, different, read_card, read_identity, read_policy
from primitives import Floe, hkdf_expand, hkdf_extract, hpke_open, leaf, levels, pae
from shapes import Refusal, canonical, require
from tarstream import Plaintext, walk


def derive(core: Core, file_key: bytes, purpose: bytes, length: int) -> bytes:
    """D(purpose, n) [Keys inside an archive]"""
    prk = hkdf_extract('sha384', core.archive, file_key)
    return hkdf_expand('sha384', prk, b'strongroom/v1/' + purpose + core.hash, length)


def unwrap(core: Core, ring: dict, identities: list[Identity]) -> bytes:
    """Steps 3 to 5: the file key, by the named stanza or else by the first hidden one that fits,
    or by the shares of several custodians."""
    signed = ring['signed']
    info = b'strongroom/v1/wrap' + core.hash + signed['commit']
    stanzas = signed['recipients']
    identity = identities[0]
    tried = [stanza for stanza in stanzas if stanza.get('key') == identity.card.kem_id]
    tried = tried or [stanza for stanza in stanzas if 'key' not in stanza]
    opened = [
        hpke_open(core.suite, identity.kem_seed, stanza['enc'], info, stanza['sealed'])
        for stanza in tried
    ]
    file_key = next((key for key in opened if key is not None), None)
    if file_key is None:
        file_key = quorums.unlock(core, signed['commit'], signed.get('quorums', []), identities)
    require(file_key, 'NO_KEY', 'neither a stanza for this identity nor a quorum of these')
    commit = derive(core, file_key, b'commit', 48)
    good = hmac.compare_digest(commit, signed['commit'])
    require(good, 'COMMIT', 'the file key is not that of the archive')
    body = canonical({name: value for name, value in ring['raw'].items() if name != 'mac'})
    mac = hmac.digest(derive(core, file_key, b'keyring', 48), body, 'sha384')
    require(hmac.compare_digest(mac, signed['mac']), 'MAC', 'the mac of the ring differs')
    return file_key


def authors(core: Core, trust: Trust) -> list[Card]:
    """The trusted cards of the author whom the core names. Those of another suite are absent."""
    return [c for c in trust.authors if c.suite is core.suite and c.sign_ids == core.author]


def check_grant(core: Core, ring: dict, trust: Trust) -> None:
    """Step 6: that author signed the ring, or a trusted custodian."""
    custodians = [card for card in trust.custodians if card.suite is core.suite]
    message = pae('application/vnd.strongroom.keyring.v1+json', canonical(ring['raw']))
    cards = authors(core, trust) + custodians
    signers = [card for card in cards if card.signed(ring['signatures'], message)]
    require(signers, 'GRANT', 'nobody trusted signed the key ring')
    good = any(card.valid_at(ring['signed']['created']) for card in signers)
    require(good, 'EXPIRED', 'the ring was signed outside the validity of the card')


def read_seal(source: Source, core: Core, ring: dict, footer: Footer, trust: Trust) -> dict:
    """Step 7. `author` becomes the name on the trusted card."""
    envelope = archive.read_envelope(source, core, footer)
    cards = authors(core, trust)
    require(cards, 'UNTRUSTED', 'the author is none of the signers')
    message = pae('application/vnd.in-toto+json', envelope['payload'])
    good = cards[0].signed(envelope['signatures'], message)
    require(good, 'SIGNATURE', 'the author did not sign this seal')

    seal = archive.read_statement(core, envelope['payload'])
    length, segments = seal['payload']['length'], seal['payload']['segments']
    tiles = sum(len(level) for level in levels(segments)) * core.suite.hash_bytes
    rows = (
        ('archive', seal['archive'], core.archive),
        ('core', seal['core'], core.hash),
        ('commit', seal['commit'], ring['signed']['commit']),
        ('author', seal['author']['keys'], core.author),
        ('number of segments', segments, max(1, -(-length // core.segment_bytes))),
        ('payload length', core.payload_at + 74 + length + 32 * segments, footer.manifest_at),
        ('manifest length', seal['manifest']['length'], footer.manifest),
        ('tiles length', tiles, footer.tiles),
    )
    for name, said, found in rows:
        require(said == found, 'SEAL', f'another {name}')
    valid = [card for card in cards if card.valid_at(seal['time'])]
    require(valid, 'EXPIRED', 'sealed outside the validity of the card')
    return seal | {'author': valid[0].name}


@dataclass(frozen=True)
class Opened:
    seal: dict
    entries: list[dict] | None
    segments: Iterator[bytes]


def open_archive(
    path: str, trust: Trust, identities: list[Identity], detached: str | None = None
) -> Opened:
    """[How to read] Steps 1 to 9, and step 10 as an iterator: plaintext segments, or without
    identities the checked ciphertext segments."""
    source = Source(path)
    core = archive.read_core(source)
    good = all(identity.card.suite is core.suite for identity in identities)
    require(good, 'SUITE', 'an identity of another suite than the archive')
    ring = archive.read_keyring(source, core, detached)
    file_key = unwrap(core, ring, identities) if identities else b''
    check_grant(core, ring, trust)
    footer = archive.read_footer(source, core)
    seal = read_seal(source, core, ring, footer, trust)
    header = source.read(core.payload_at, 74)
    require(header == seal['floe'], 'PAYLOAD', 'the payload header is not that of the seal')
    floe = entries = None
    if identities:
        floe = Floe(derive(core, file_key, b'payload', 32), header, core.enc_seg_len, core.hash)
    manifest = archive.read_manifest(source, core, footer, seal)
    if identities:
        key = derive(core, file_key, b'manifest', 32)
        entries = archive.open_manifest(core, key, manifest, seal)
    leaves = archive.read_tiles(source, core, footer, seal)

    def segments() -> Iterator[bytes]:
        for i, expected in enumerate(leaves):
            at = core.payload_at + 74 + i * core.enc_seg_len
            data = source.read(at, min(core.enc_seg_len, footer.manifest_at - at))
            require(leaf(core.suite, i, data) == expected, 'TREE', f'segment {i} was changed')
            yield floe.open(i, i == len(leaves) - 1, data) if floe else data

    return Opened(seal, entries, segments())


# --- Output [Paths and entries] -----------------------------------------------------------------


@contextmanager
def staged(final: str) -> Iterator[Path]:
    """A name that nobody else sees, which becomes `final` at the end, or vanishes."""
    target = Path(final).absolute()
    if os.path.lexists(target):
        raise FileExistsError(f'{ascii(final)} exists')
    hidden = Path(tempfile.mkdtemp(prefix='.strongroom-', dir=target.parent))
    try:
        yield hidden / 'out'
        os.rename(hidden / 'out', target)
    finally:
        shutil.rmtree(hidden)


def make_directory(path: Path) -> None:
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(0o755)


def extract(opened: Opened, directory: str) -> None:
    with staged(directory) as stage:
        make_directory(stage)
        stream = Plaintext(opened.segments)

        def take(entry: dict) -> None:
            path = stage / entry['path']
            if entry['type'] == 'directory':
                make_directory(path)
                return
            make_directory(path.parent)
            mode = 0o755 if entry['mode'] & 0o100 else 0o644
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), 'wb') as file:
                file.writelines(stream.chunks(entry['size']))
            os.utime(path, (entry['mtime'], entry['mtime']))

        walk(stream, opened.entries, take)
        # Directories last: making what is in them touches their times.
        for entry in opened.entries:
            if entry['type'] == 'directory':
                os.utime(stage / entry['path'], (entry['mtime'], entry['mtime']))


def write_tar(opened: Opened, out: str) -> None:
    with staged(out) as stage, stage.open('xb') as file:
        walk(Plaintext(opened.segments, file.write), opened.entries, lambda entry: None)


# --- Command line -------------------------------------------------------------------------------


def arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='reader.py', description=__doc__.split('\n')[0])
    commands = parser.add_subparsers(dest='command', required=True)
    for name, out in (('open', 'DIR'), ('tar', 'OUT.tar'), ('verify', None)):
        command = commands.add_parser(name)
        command.add_argument('archive', metavar='ARCHIVE')
        if out:
            command.add_argument('out', metavar=out)
            command.add_argument('--identity', metavar='ID', action='append', required=True)
            command.add_argument('--passphrase-file', metavar='FILE')
        command.add_argument('--signer', metavar='CARD', action='append', default=[])
        command.add_argument('--trust', metavar='POLICY', action='append', default=[])
        command.add_argument('--keyring', metavar='FILE')
    commands.add_parser('fingerprint').add_argument('card', metavar='CARD')
    return parser.parse_args(words)


def run(args: argparse.Namespace) -> None:
    if args.command == 'fingerprint':
        print(read_card(args.card).fingerprint)
        return
    identities = []
    if args.command != 'verify':
        passphrase = None
        if args.passphrase_file:
            passphrase = Path(args.passphrase_file).read_text('utf-8').removesuffix('\n')
        identities = [read_identity(path, passphrase) for path in args.identity]
    policies = [read_policy(path) for path in args.trust]
    signers = [read_card(path) for path in args.signer]
    different('CARD', signers)
    trust = Trust(
        signers + [c for p in policies for c in p.authors],
        [card for policy in policies for card in policy.custodians],
    )
    opened = open_archive(args.archive, trust, identities, args.keyring)
    if args.command == 'open':
        extract(opened, args.out)
    elif args.command == 'tar':
        write_tar(opened, args.out)
    else:
        for _ in opened.segments:
            pass
    seal = opened.seal
    segments = seal['payload']['segments']
    print(f'{segments} segments, sealed by {ascii(seal["author"])} at {seal["time"]}')


def main(words: list[str]) -> int:
    try:
        run(arguments(words))
    except Refusal as refusal:
        print(f'refused: {refusal.code}: {refusal}', file=sys.stderr)
        return 3
    except (OSError, UnicodeDecodeError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))

"""Cards and identities: docs/format.md, [Cards]."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from primitives import Suite, key_id, sha384, suite_named
from shapes import (
    SIGNATURES,
    array,
    base64_of,
    canonical,
    check,
    integer,
    literal,
    parse,
    record,
    refuse,
    require,
    text,
    time,
)


def pae(kind: bytes, body: bytes) -> bytes:
    return b'DSSEv1 %d %s %d %s' % (len(kind), kind, len(body), body)


@dataclass(frozen=True)
class Card:
    name: str
    suite: Suite
    kem: bytes
    sign: tuple[bytes, ...]
    created: str
    expires: str | None

    @property
    def kem_id(self) -> bytes:
        return key_id(self.suite.kem_prefix, self.kem)

    @property
    def sign_ids(self) -> list[bytes]:
        return [key_id(a.prefix, key) for a, key in zip(self.suite.algorithms, self.sign)]

    def signed(self, signatures: list[dict], message: bytes) -> bool:
        """Whether `signatures` are this card's over `message`, all of them and in order."""
        if not self.sign or [entry['keyid'] for entry in signatures] != self.sign_ids:
            return False
        return all(
            len(entry['sig']) == algorithm.signature_bytes
            and algorithm.verify(key, entry['sig'], message)
            for algorithm, key, entry in zip(self.suite.algorithms, self.sign, signatures)
        )

    @property
    def fingerprint(self) -> str:
        digest = sha384(b'strongroom/v1/card' + self.kem_id + b''.join(self.sign_ids))
        bits = int.from_bytes(digest) >> (384 - 125)
        letters = [
            '0123456789ABCDEFGHJKMNPQRSTVWXYZ'[bits >> shift & 31] for shift in range(120, -1, -5)
        ]
        return '-'.join(''.join(letters[at : at + 5]) for at in range(0, 25, 5))


CARD = record(
    {
        'signatures': SIGNATURES,
        'signed': record(
            {
                'created': time,
                'kem': base64_of(),
                'name': text(1, 128, plain=True),
                'sign': array(base64_of(), 0, 2),
                'suite': suite_named,
                'type': literal('strongroom/card'),
                'version': literal(1),
            },
            {'expires': time, 'imported': literal(True)},
        ),
    }
)


def card_from(document: dict, decoded: dict) -> Card:
    """A card with its lengths, its public keys [Public key validity] and its signatures checked."""
    signed = decoded['signed']
    suite, imported = signed['suite'], 'imported' in signed
    card = Card(
        name=signed['name'],
        suite=suite,
        kem=signed['kem'],
        sign=tuple(signed['sign']),
        created=signed['created'],
        expires=signed.get('expires'),
    )
    require(len(card.kem) == suite.kem_public_bytes, 'CARD', 'wrong length of the KEM key')
    require(suite.kem.valid(card.kem), 'CARD', 'invalid KEM public key')
    expected = [algorithm.public_bytes for algorithm in suite.algorithms]
    lengths = [len(key) for key in card.sign]
    require(lengths == expected or (imported and not lengths), 'CARD', 'wrong signing keys')
    valid = all(algorithm.valid(key) for algorithm, key in zip(suite.algorithms, card.sign))
    require(valid, 'CARD', 'invalid signing public key')
    message = pae(b'application/vnd.strongroom.card.v1+json', canonical(document['signed']))
    if imported:
        require(not decoded['signatures'], 'CARD', 'an imported card is signed')
    else:
        require(card.signed(decoded['signatures'], message), 'CARD', 'the signature does not fit')
    return card


def read_small(path: str, limit: int, code: str) -> bytes:
    with open(path, 'rb') as file:
        data = file.read(limit + 1)
    require(len(data) <= limit, code, 'the file is too long')
    return data


def read_card(path: str) -> Card:
    data = read_small(path, 65536, 'CARD')
    require(data.endswith(b'\n'), 'CARD', 'the newline is missing')
    return card_from(*parse('CARD', data[:-1], CARD))


@dataclass(frozen=True)
class Identity:
    card: Card
    kem_seed: bytes


def protection(value: Any) -> dict:
    """A shape: how an identity's second line is kept, with the caps on Argon2id."""
    if isinstance(value, dict) and value.get('kdf') == 'none':
        return record({'kdf': literal('none')})(value)
    found = record(
        {
            'kdf': literal('argon2id'),
            'memory': integer(1, 1048576),
            'parallelism': integer(1, 16),
            'passes': integer(1, 16),
            'salt': base64_of(16),
        }
    )(value)
    check(found['memory'] >= 8 * found['parallelism'], 'too little memory for the parallelism')
    return found


IDENTITY = record(
    {
        'card': CARD,
        'protection': protection,
        'type': literal('strongroom/identity'),
        'version': literal(1),
    }
)


def read_identity(path: str, passphrase: str | None) -> Identity:
    """[Identities]"""
    lines = read_small(path, 131072, 'IDENTITY').split(b'\n')
    require(len(lines) == 3 and not lines[2], 'IDENTITY', 'not two lines')
    document, decoded = parse('IDENTITY', lines[0], IDENTITY)
    card = card_from(document['card'], decoded['card'])
    require(re.fullmatch(b'([0-9a-f]{2})*', lines[1]), 'IDENTITY', 'the second line is not hex')
    secret = bytes.fromhex(lines[1].decode())
    kept = decoded['protection']
    if kept['kdf'] == 'argon2id':
        require(passphrase is not None, 'PASSPHRASE', 'the identity needs --passphrase-file')
        kdf = Argon2id(
            salt=kept['salt'],
            length=32,
            iterations=kept['passes'],
            lanes=kept['parallelism'],
            memory_cost=kept['memory'],
        )
        key = kdf.derive(unicodedata.normalize('NFC', passphrase).encode())
        try:
            secret = AESGCM(key).decrypt(secret[:12], secret[12:], lines[0])
        except (ValueError, InvalidTag):
            refuse('PASSPHRASE', 'the passphrase does not fit')
    suite = card.suite
    require(
        len(secret) == suite.seed_bytes + 32 * len(suite.algorithms),
        'IDENTITY',
        'wrong length of the secret',
    )
    seeds = [secret[at : at + 32] for at in range(suite.seed_bytes, len(secret), 32)]
    derived = tuple(a.public_from_seed(seed) for a, seed in zip(suite.algorithms, seeds))
    fits = suite.kem.public(secret[: suite.seed_bytes]) == card.kem and derived == card.sign
    require(fits, 'IDENTITY', 'the secret is not that of the card')
    return Identity(card, secret[: suite.seed_bytes])

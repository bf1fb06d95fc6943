"""Cards, identities and whom to trust: docs/format.md, [Cards]."""

import os
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from primitives import Suite, key_id, pae, sha384, suite_named
from shapes import (Shape, array, base64_of, canonical, check, hexadecimal, integer, literal,
    name, parse, record, refuse, require, row, text, time)  # fmt: skip


@dataclass(frozen=True)
class Card:
    name: str
    suite: Suite
    kem: bytes
    sign: tuple[bytes, ...]
    created: str
    expires: str | None
    imported: bool

    @property
    def kem_id(self) -> bytes:
        return key_id(self.suite.kem.prefix, self.kem)

    @property
    def sign_ids(self) -> list[bytes]:
        return [key_id(a.prefix, key) for a, key in zip(self.suite.algorithms, self.sign)]

    def signed(self, signatures: list[dict], message: bytes) -> bool:
        """Whether `signatures` are this card's over `message`, all of them and in order."""
        if not self.sign or [entry['keyid'] for entry in signatures] != self.sign_ids:
            return False
        rows = zip(self.suite.algorithms, self.sign, signatures)
        return all(algorithm.verify(key, entry['sig'], message) for algorithm, key, entry in rows)

    def valid_at(self, when: str) -> bool:
        """From `created`, and before `expires`."""
        return self.created <= when and (self.expires is None or when < self.expires)

    @property
    def fingerprint(self) -> str:
        digest = sha384(b'strongroom/v1/card' + self.kem_id + b''.join(self.sign_ids))
        bits = int.from_bytes(digest) >> (384 - 125)
        alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
        letters = ''.join(alphabet[bits >> shift & 31] for shift in range(120, -1, -5))
        return '-'.join(letters[at : at + 5] for at in range(0, 25, 5))


def signatures(suite: Suite) -> Shape:
    """One for each of the suite's algorithms, in order, of the right lengths."""
    return row(*(
        record(keyid=hexadecimal(32), sig=base64_of(algorithm.signature_bytes))
        for algorithm in suite.algorithms
    ))  # fmt: skip


def card_shape(value: Any) -> Card:
    """A shape: a card with its public keys [Public key validity] and its signatures checked."""
    found = record(signatures=array(lambda entry: entry), signed=SIGNED)(value)
    signed = found['signed']
    suite = signed['suite']
    named = {member: signed[member] for member in ('name', 'suite', 'kem', 'created')}
    card = Card(**named, sign=tuple(signed['sign']), expires=signed.get('expires'), imported='imported' in signed)
    check(len(card.kem) == suite.kem.public_bytes, 'wrong length of the KEM key')
    check(suite.kem.valid(card.kem), 'invalid KEM public key')
    expected = [algorithm.public_bytes for algorithm in suite.algorithms]
    lengths = [len(key) for key in card.sign]
    check(lengths == expected or ('imported' in signed and not lengths), 'wrong signing keys')
    valid = all(algorithm.valid(key) for algorithm, key in zip(suite.algorithms, card.sign))
    check(valid, 'invalid signing public key')
    if 'imported' in signed:
        check(not found['signatures'], 'an imported card is signed')
    else:
        message = pae('application/vnd.strongroom.card.v1+json', canonical(value['signed']))
        proof = signatures(suite)(found['signatures'])
        check(card.signed(proof, message), 'the signature does not fit')
    return card


SIGNED = record(
    {'expires': time, 'imported': literal(True)},
    created=time,
    kem=base64_of(),
    name=name(),
    sign=array(base64_of(), 0, 2),
    suite=suite_named,
    type=literal('strongroom/card'),
    version=literal(1),
)


def read_small(path: str, limit: int, code: str) -> bytes:
    with open(path, 'rb') as file:
        data = file.read(limit + 1)
    require(len(data) <= limit, code, 'the file is too long')
    return data


def read_card(path: str) -> Card:
    data = read_small(path, 65536, 'CARD')
    require(data.endswith(b'\n'), 'CARD', 'the newline is missing')
    return parse('CARD', data[:-1], card_shape)


def different(code: str, cards: list[Card]) -> None:
    """Cards to be trusted, of which no two may have a key in common."""
    owners: dict[bytes, str] = {}
    for card in cards:
        for key in (card.kem, *card.sign):
            require(key not in owners, code, f'{ascii(card.name)} has a key of another card')
            owners[key] = card.name


# --- Trust [Trust policies] ---------------------------------------------------------------------


@dataclass(frozen=True)
class Trust:
    authors: list[Card]
    custodians: list[Card]


ROLE = literal('author', 'custodian', 'witness')
POLICY = record(
    trust=array(record(card=text(1), roles=array(ROLE, 1)), 0, 1000),
    type=literal('strongroom/policy'),
    version=literal(1),
)


def read_policy(path: str) -> Trust:
    policy = parse('POLICY', read_small(path, 1048576, 'POLICY'), POLICY, any_layout=True)
    cards = []
    for entry in policy['trust']:
        place = os.path.normpath(entry['card'])
        below = not os.path.isabs(place) and place.split('/')[0] not in ('.', '..')
        require(below, 'POLICY', 'a card is not below the policy')
        cards.append(read_card(os.path.join(os.path.dirname(path), place)))
    different('POLICY', cards)

    def having(role: str) -> list[Card]:
        return [card for card, entry in zip(cards, policy['trust']) if role in entry['roles']]

    return Trust(having('author'), having('custodian'))


# --- Identities [Identities] --------------------------------------------------------------------


@dataclass(frozen=True)
class Identity:
    card: Card
    kem_seed: bytes


def protection(value: Any) -> dict:
    """A shape: how an identity's second line is kept, with the caps on Argon2id."""
    if value == {'kdf': 'none'}:
        return value
    if isinstance(value, dict) and 'anchor' in value:
        kind = value['anchor']
        check(isinstance(kind, str) and kind in ANCHORS, 'unknown anchor')
        return ANCHORS[kind](value)
    found = record(
        kdf=literal('argon2id'),
        memory=integer(1, 1048576),
        parallelism=integer(1, 16),
        passes=integer(1, 16),
        salt=base64_of(16),
    )(value)
    check(found['memory'] >= 8 * found['parallelism'], 'too little memory for the parallelism')
    return found


def wrapped_key(value: Any) -> bytes:
    """A shape: what an anchor's program made of a key."""
    found = base64_of()(value)
    check(1 <= len(found) <= 4096, 'wrong length of the wrapped key')
    return found


def token_key(value: Any) -> bytes:
    """A shape: CKA_ID of a key in a token."""
    check(isinstance(value, str) and re.fullmatch('([0-9a-f]{2}){1,64}', value), 'not a key id')
    return bytes.fromhex(value)


ANCHORS = {
    'pkcs11': record(anchor=literal('pkcs11'), key=token_key, token=text(1, 32, plain=True)),
    'exec': record(
        anchor=literal('exec'), program=text(1, 255, plain=True), wrapped=wrapped_key
    ),
}

IDENTITY = record(
    card=card_shape,
    protection=protection,
    type=literal('strongroom/identity'),
    version=literal(1),
)


def unlock(kept: dict, passphrase: str | None, secret: bytes, first_line: bytes) -> bytes:
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
        return AESGCM(key).decrypt(secret[:12], secret[12:], first_line)
    except (ValueError, InvalidTag):
        refuse('PASSPHRASE', 'the passphrase does not fit')


def read_identity(path: str, passphrase: str | None) -> Identity:
    lines = read_small(path, 131072, 'IDENTITY').split(b'\n')
    require(len(lines) == 3 and not lines[2], 'IDENTITY', 'not two lines')
    identity = parse('IDENTITY', lines[0], IDENTITY)
    card, kept = identity['card'], identity['protection']
    require(not card.imported, 'IDENTITY', 'its card is of bare public keys')
    require(re.fullmatch(b'([0-9a-f]{2})*', lines[1]), 'IDENTITY', 'the second line is not hex')
    secret = bytes.fromhex(lines[1].decode())
    require('anchor' not in kept, 'ANCHOR', 'the key of the identity lives elsewhere')
    if kept['kdf'] == 'argon2id':
        secret = unlock(kept, passphrase, secret, lines[0])
    suite, kem_bytes = card.suite, card.suite.kem.seed_bytes
    length = kem_bytes + 32 * len(card.sign)
    require(len(secret) == length, 'IDENTITY', 'wrong length of the secret')
    seeds = [secret[at : at + 32] for at in range(kem_bytes, length, 32)]
    derived = tuple(a.public_from_seed(seed) for a, seed in zip(suite.algorithms, seeds))
    fits = suite.kem.public(secret[:kem_bytes]) == card.kem and derived == card.sign
    require(fits, 'IDENTITY', 'the secret is not that of the card')
    return Identity(card, secret[:kem_bytes])

"""Groups that must all agree: docs/format.md, [Quorums]."""

import hmac
from itertools import chain
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cards import Identity
from primitives import Suite, hkdf_expand, hkdf_extract, hpke_open, sha384
from shapes import (Shape, array, base64_of, check, hexadecimal, integer, name, record, refuse, require)  # fmt: skip

if TYPE_CHECKING:
    from archive import Core


def quorums_shape(suite: Suite) -> Shape:
    signers = len(suite.algorithms)
    share = record(
        commitment=base64_of(48),
        enc=base64_of(suite.kem.enc_bytes),
        key=hexadecimal(32),
        name=name(),
        sealed=base64_of(81),
        signers=array(hexadecimal(32), signers, signers),
    )
    group = record(
        name=name(64),
        shares=array(share, 1, 255),
        threshold=integer(1, 255),
    )
    quorum = record(groups=array(group, 1, 16), sealed=base64_of(48), split=hexadecimal(32))
    several = array(quorum, 1, 16)

    def shape(value: Any) -> list[dict]:
        quorums = several(value)
        different([quorum['split'] for quorum in quorums], 'splits')
        for quorum in quorums:
            groups = quorum['groups']
            different([group['name'] for group in groups], 'names of groups')
            for group in groups:
                check(group['threshold'] <= len(group['shares']), 'a threshold is out of reach')
            shares = [share for group in groups for share in group['shares']]
            different([share['key'] for share in shares], 'keys of custodians')
            different(list(chain(*(share['signers'] for share in shares))), 'keys of signers')
        return quorums

    return shape


def different(values: list, what: str) -> None:
    check(len(values) == len(set(values)), f'two {what} are the same')


def product(a: int, b: int) -> int:
    """In GF(2^8), modulo x^8 + x^4 + x^3 + x + 1."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return result


def inverse(a: int) -> int:
    result = 1
    for _ in range(254):
        result = product(result, a)
    return result


def interpolate(shares: list[bytes]) -> bytes:
    """The secret at 0 of shares that end in their x."""
    points = [share[32] for share in shares]
    good = 0 not in points and len(set(points)) == len(points)
    require(good, 'SHARE', 'the shares of a group do not go together')
    secret = bytearray(32)
    for share, x in zip(shares, points):
        weight = 1
        for other in points:
            if other != x:
                weight = product(weight, product(other, inverse(other ^ x)))
        for at in range(32):
            secret[at] ^= product(share[at], weight)
    return bytes(secret)


def own_shares(
    core: 'Core', commit: bytes, quorum: dict, number: int, identities: list[Identity]
) -> list[bytes]:
    """The shares of one group that these custodians can open."""
    split, group = quorum['split'], quorum['groups'][number]
    found = []
    for i, share in enumerate(group['shares']):
        for identity in identities:
            card = identity.card
            if share['key'] != card.kem_id or share['signers'] != card.sign_ids:
                continue
            place = bytes([number, i, group['threshold'], len(group['shares'])])
            info = b'strongroom/v1/share' + core.hash + commit + split + place
            opened = hpke_open(core.suite, identity.kem_seed, share['enc'], info, share['sealed'])
            require(opened, 'SHARE', 'a share does not open')
            value, salt = opened[:33], opened[33:]
            message = b'strongroom/v1/share-commitment' + split + place[:2] + salt + value
            good = hmac.compare_digest(sha384(message), share['commitment'])
            require(good, 'SHARE', 'a share is not that of its commitment')
            found.append(value)
    return found


def unlock(
    core: 'Core', commit: bytes, quorums: list[dict], identities: list[Identity]
) -> bytes | None:
    """The file key, if these custodians are enough for one of the quorums."""
    for quorum in quorums:
        groups = quorum['groups']
        thresholds = [group['threshold'] for group in groups]
        shares = [own_shares(core, commit, quorum, i, identities) for i in range(len(groups))]
        if any(len(given) < k for given, k in zip(shares, thresholds)):
            continue
        secrets = b''.join(interpolate(given[:k]) for given, k in zip(shares, thresholds))
        context = b'strongroom/v1/quorum' + core.hash + commit
        key = hkdf_expand('sha384', hkdf_extract('sha384', quorum['split'], secrets), context, 32)
        counts = bytes(chain(*((k, len(g['shares'])) for k, g in zip(thresholds, groups))))
        aad = context + quorum['split'] + bytes([len(groups)]) + counts
        try:
            return AESGCM(key).decrypt(bytes(12), quorum['sealed'], aad)
        except InvalidTag:
            refuse('SHARE', 'the shares do not give the key')
    return None

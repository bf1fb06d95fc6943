"""The cryptography of docs/format.md: [Suites], FLOE of [Payload], and the [Hash tree]."""

import hashlib
import hmac
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shapes import check, refuse, require


def sha384(data: bytes) -> bytes:
    return hashlib.sha384(data).digest()


def pae(kind: str, body: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding."""
    return b'DSSEv1 %d %s %d %s' % (len(kind), kind.encode(), len(body), body)


def hkdf_extract(name: str, salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, ikm, name)


def hkdf_expand(name: str, prk: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 section 2.3."""
    out = block = b''
    count = 0
    while len(out) < length:
        count += 1
        block = hmac.digest(prk, block + info + bytes([count]), name)
        out += block
    return out[:length]


def modulus_check(public: bytes, rank: int) -> bool:
    """FIPS 203 section 7.2: every 12-bit coefficient is below q = 3329."""
    packed = zip(*[iter(public[: 384 * rank])] * 3)
    return all(((b & 15) << 8 | a) < 3329 and (c << 4 | b >> 4) < 3329 for a, b, c in packed)


class MlKem1024:
    """FIPS 203; the secret is the seed d || z."""

    number = 0x0042
    prefix = bytes.fromhex('30820632300b06096086480165030404030382062100')
    public_bytes, enc_bytes, seed_bytes = 1568, 1568, 64

    @staticmethod
    def public(seed: bytes) -> bytes:
        return mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()

    @staticmethod
    def decapsulate(seed: bytes, enc: bytes) -> bytes:
        return mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed).decapsulate(enc)

    @staticmethod
    def valid(public: bytes) -> bool:
        return modulus_check(public, 4)


class XWing:
    """draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519 from one 32-byte seed."""

    number = 0x647A
    prefix = bytes.fromhex('308204d4300d060b2b0601040183e62d81c87a038204c100')
    public_bytes, enc_bytes, seed_bytes = 1216, 1120, 32

    @staticmethod
    def expand(seed: bytes) -> tuple[mlkem.MLKEM768PrivateKey, x25519.X25519PrivateKey]:
        long = hashlib.shake_256(seed).digest(96)
        return (
            mlkem.MLKEM768PrivateKey.from_seed_bytes(long[:64]),
            x25519.X25519PrivateKey.from_private_bytes(long[64:]),
        )

    @staticmethod
    def public(seed: bytes) -> bytes:
        lattice, curve = XWing.expand(seed)
        return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    @staticmethod
    def decapsulate(seed: bytes, enc: bytes) -> bytes:
        """ValueError when the X25519 share is of small order (its secret would be all zero)."""
        lattice, curve = XWing.expand(seed)
        share = enc[1088:]
        secret_m = lattice.decapsulate(enc[:1088])
        secret_x = curve.exchange(x25519.X25519PublicKey.from_public_bytes(share))
        own = curve.public_key().public_bytes_raw()
        label = bytes.fromhex('5c2e2f2f5e5c')
        return hashlib.sha3_256(secret_m + secret_x + share + own + label).digest()

    @staticmethod
    def valid(public: bytes) -> bool:
        probe = x25519.X25519PrivateKey.from_private_bytes(bytes(32))
        try:
            probe.exchange(x25519.X25519PublicKey.from_public_bytes(public[1184:]))
        except ValueError:
            return False
        return modulus_check(public, 3)


def ed25519_valid(public: bytes) -> bool:
    """RFC 8032 section 5.1.3: the point decodes, and its order is not small."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p)
    y = int.from_bytes(public, 'little') & (2**255 - 1)
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    decodes = len(public) == 32 and y < p and pow(x_squared, (p - 1) // 2, p) in (0, 1)
    # Orders 1 and 2 have y of 1 and -1, order 4 has 0, and twice a point of order 8 has 0.
    return decodes and y not in (0, 1, p - 1) and (y * y + x_squared) % p != 0


@dataclass(frozen=True)
class SignatureAlgorithm:
    private: type
    public: type
    prefix: bytes
    public_bytes: int
    signature_bytes: int
    valid: Callable[[bytes], bool] = lambda public: True
    nonce_bytes: int = 0

    def verify(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """OpenSSL verifies Ed25519 without the cofactor, but takes keys, and some versions R, of
        small order."""
        if not self.valid(public) or not self.valid(signature[: self.nonce_bytes]):
            return False
        try:
            self.public.from_public_bytes(public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def public_from_seed(self, seed: bytes) -> bytes:
        load = getattr(self.private, 'from_seed_bytes', None) or self.private.from_private_bytes
        return load(seed).public_key().public_bytes_raw()


ML_DSA_65 = SignatureAlgorithm(
    mldsa.MLDSA65PrivateKey,
    mldsa.MLDSA65PublicKey,
    prefix=bytes.fromhex('308207b2300b0609608648016503040312038207a100'),
    public_bytes=1952,
    signature_bytes=3309,
)
ML_DSA_87 = SignatureAlgorithm(
    mldsa.MLDSA87PrivateKey,
    mldsa.MLDSA87PublicKey,
    prefix=bytes.fromhex('30820a32300b060960864801650304031303820a2100'),
    public_bytes=2592,
    signature_bytes=4627,
)
ED25519 = SignatureAlgorithm(
    ed25519.Ed25519PrivateKey,
    ed25519.Ed25519PublicKey,
    prefix=bytes.fromhex('302a300506032b6570032100'),
    public_bytes=32,
    signature_bytes=64,
    valid=ed25519_valid,
    nonce_bytes=32,
)


@dataclass(frozen=True)
class Suite:
    number: int
    name: str
    kem: type
    kdf_id: int
    algorithms: tuple[SignatureAlgorithm, ...]
    subject: str
    hash: Callable[[bytes], bytes]
    hash_bytes: int


SUITES = (
    Suite(
        number=1,
        name='hybrid',
        kem=XWing,
        kdf_id=1,
        algorithms=(ML_DSA_65, ED25519),
        subject='strongroom-tree-blake3',
        hash=lambda data: blake3.blake3(data).digest(),
        hash_bytes=32,
    ),
    Suite(
        number=2,
        name='cnsa2',
        kem=MlKem1024,
        kdf_id=2,
        algorithms=(ML_DSA_87,),
        subject='strongroom-tree-sha384',
        hash=sha384,
        hash_bytes=48,
    ),
)


def suite_named(value: Any) -> Suite:
    """A shape: the suite's name."""
    found = [suite for suite in SUITES if suite.name == value]
    check(found, 'unknown suite')
    return found[0]


def key_id(prefix: bytes, public: bytes) -> bytes:
    """[Key ids]"""
    return sha384(prefix + public)[:32]


def hpke_open(suite: Suite, seed: bytes, enc: bytes, info: bytes, sealed: bytes) -> bytes | None:
    """RFC 9180 sections 5.1 and 6.1, base mode: the plaintext, or None when it does not decrypt."""
    name = {1: 'sha256', 2: 'sha384'}[suite.kdf_id]
    label = b'HPKE-v1HPKE' + struct.pack('>HHH', suite.kem.number, suite.kdf_id, 2)

    def extract(salt: bytes, what: bytes, ikm: bytes) -> bytes:
        return hkdf_extract(name, salt, label + what + ikm)

    def expand(what: bytes, length: int) -> bytes:
        labeled = struct.pack('>H', length) + label + what + context
        return hkdf_expand(name, secret, labeled, length)

    context = b'\0' + extract(b'', b'psk_id_hash', b'') + extract(b'', b'info_hash', info)
    try:
        secret = extract(suite.kem.decapsulate(seed, enc), b'secret', b'')
        return AESGCM(expand(b'key', 32)).decrypt(expand(b'base_nonce', 12), sealed, b'')
    except (ValueError, InvalidTag):
        return None


class Floe:
    """[Payload] A FLOE ciphertext (c2sp.org/FLOE): header first, then segment by segment."""

    def __init__(self, key: bytes, header: bytes, enc_seg_len: int, aad: bytes):
        expected = b'\0\0' + struct.pack('>II', enc_seg_len, 32)
        require(header[:10] == expected, 'FLOE', 'FLOE parameters differ')
        self.enc_seg_len, self.context, self.aad = enc_seg_len, header[:42], aad
        tag = self.kdf(key, b'HEADER_TAG:', 32)
        require(hmac.compare_digest(tag, header[42:]), 'FLOE', 'FLOE header tag differs')
        self.message_key = self.kdf(key, b'MESSAGE_KEY:', 48)
        self.epoch, self.cipher = -1, None

    def kdf(self, key: bytes, purpose: bytes, length: int) -> bytes:
        return hkdf_expand('sha384', key, self.context + purpose + self.aad, length)

    def open(self, index: int, final: bool, segment: bytes) -> bytes:
        length = len(segment) if final else 0xFFFFFFFF
        good = segment[:4] == struct.pack('>I', length)
        good = good and (final or len(segment) == self.enc_seg_len)
        require(good, 'SEGMENT', f'bad length field of segment {index}')
        epoch = index >> 20 << 20
        if epoch != self.epoch:
            key = self.kdf(self.message_key, b'DEK:' + struct.pack('>Q', epoch), 32)
            self.epoch, self.cipher = epoch, AESGCM(key)
        try:
            aad = struct.pack('>QB', index, final)
            return self.cipher.decrypt(segment[4:16], segment[16:], aad)
        except InvalidTag:
            refuse('SEGMENT', f'segment {index} does not decrypt')


def levels(segments: int) -> Iterator[range]:
    """[Hash tree] The positions (in hashes) of each tile level, from the leaves up."""
    at, count = 0, segments
    while count:
        yield range(at, at + count)
        at, count = at + count, count // 256


def join(suite: Suite, hashes: list[bytes]) -> bytes:
    """The root of hashes, by the definition of RFC 9162 section 2.1.1."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return suite.hash(b'\1' + join(suite, hashes[:split]) + join(suite, hashes[split:]))


def leaf(suite: Suite, index: int, segment: bytes) -> bytes:
    return suite.hash(b'\0' + struct.pack('>Q', index) + segment)

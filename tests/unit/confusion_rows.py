"""Signatures that a confused verifier takes for those of a key that it trusts.

Each row makes, for a key and a message, bytes that are not that key's signature over the message in
the key's algorithm, however near they come to it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from tests.unit.crypto_kit import key_of
from waybill import base64url
from waybill.algorithms import ALGORITHMS
from waybill.keys import VerifyingKey
from waybill.signing import SigningKey

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
HASHES: dict[str, Any] = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}

Forge = Callable[[bytes], bytes]
Row = tuple[str, Forge]
"""The `alg` that a token with such a signature would claim, and what makes the signature."""


def confusions(key: SigningKey) -> Iterator[tuple[str, Row]]:
    """All rows for one key, by name."""
    yield from _by_hmac(key)
    yield from _by_other_keys(key)
    yield from _misshapen(key)
    yield from OWN_ROWS[key.algorithm](key)


def public_key_texts(key: VerifyingKey) -> Iterator[tuple[str, bytes]]:
    """The public key in every form that somebody may have at hand."""
    kind = ALGORITHMS[key.algorithm]
    jwk = key.to_jwk()
    public = kind.key_from(jwk, private=False)
    spki = PublicFormat.SubjectPublicKeyInfo
    yield "pem", public.public_bytes(Encoding.PEM, spki)
    yield "stripped pem", public.public_bytes(Encoding.PEM, spki).strip()
    yield "der", public.public_bytes(Encoding.DER, spki)
    yield "ssh", public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    yield "jwk", json.dumps(jwk).encode()
    yield "compact jwk", json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode()
    yield "thumbprint", key.thumbprint.encode()
    for name in kind.numbers:
        yield name, jwk[name].encode()
        yield f"raw {name}", base64url.decode(jwk[name].encode())
    yield from _own_forms(key.algorithm, public)


def _own_forms(algorithm: str, public: Any) -> Iterator[tuple[str, bytes]]:
    if algorithm == "RS256":
        for name, encoding in (("pkcs1 pem", Encoding.PEM), ("pkcs1 der", Encoding.DER)):
            yield name, public.public_bytes(encoding, PublicFormat.PKCS1)
    if algorithm == "ES256":
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        yield "point", point


def _by_hmac(key: SigningKey) -> Iterator[tuple[str, Row]]:
    for form, secret in public_key_texts(key.verifying_key()):
        for algorithm, digest in HASHES.items():
            yield f"{algorithm} by {form}", (algorithm, _hmac(secret, digest))


def _hmac(secret: bytes, digest: Any) -> Forge:
    return lambda message: hmac.new(secret, message, digest).digest()


def _by_other_keys(key: SigningKey) -> Iterator[tuple[str, Row]]:
    """Genuine signatures, of keys that borrow the trusted key's name."""
    for algorithm in ALGORITHMS:
        other = key_of(algorithm) if algorithm != key.algorithm else SigningKey.generate(algorithm)
        yield f"by a key for {algorithm}", (algorithm, other.sign)
        yield f"by a key for {algorithm}, said to be ours", (key.algorithm, other.sign)


def _misshapen(key: SigningKey) -> Iterator[tuple[str, Row]]:
    size = len(key.sign(b""))
    own = key.algorithm
    for name in ({*ALGORITHMS} - {own}) | {"none", "HS256"}:
        yield f"ours, said to be {name}", (name, key.sign)
    yield "empty", (own, lambda _: b"")
    yield "zeros", (own, lambda _: bytes(size))
    yield "ones", (own, lambda _: b"\xff" * size)
    yield "cut short", (own, lambda message: key.sign(message)[:-1])
    yield "cut in half", (own, lambda message: key.sign(message)[: size // 2])
    yield "a byte more behind", (own, lambda message: key.sign(message) + b"\0")
    yield "a byte more before", (own, lambda message: b"\0" + key.sign(message))
    yield "twice", (own, lambda message: key.sign(message) * 2)
    yield "of another message", (own, lambda message: key.sign(message + b"."))
    yield "of the digest", (own, lambda message: key.sign(hashlib.sha256(message).digest()))


def _private(key: SigningKey) -> Any:
    """The key object of the `cryptography` package."""
    return ALGORITHMS[key.algorithm].key_from(key.to_private_jwk(), private=True)


def _eddsa_rows(_: SigningKey) -> Iterator[tuple[str, Row]]:
    # The neutral point as R and zero as S: what a check that multiplies by the cofactor and allows
    # small orders would take from a key of small order.
    yield "neutral point", ("EdDSA", lambda _: b"\1" + bytes(63))


def _es256_rows(key: SigningKey) -> Iterator[tuple[str, Row]]:
    private: ec.EllipticCurvePrivateKey = _private(key)

    def der(digest: hashes.HashAlgorithm) -> Forge:
        return lambda message: private.sign(message, ec.ECDSA(digest))

    yield "DER instead of r and s", ("ES256", der(hashes.SHA256()))
    yield "r and s in another order", ("ES256", lambda m: key.sign(m)[32:] + key.sign(m)[:32])
    order = P256_ORDER.to_bytes(32)
    for name, value in {
        "r and s zero": bytes(64),
        "r and s the order": order * 2,
        "r one, s zero": bytes(31) + b"\1" + bytes(32),
        "r zero, s one": bytes(63) + b"\1",
    }.items():
        yield name, ("ES256", _always(value))
    yield "s plus the order", ("ES256", _with_s_above_the_order(key))
    wider = ECAlgorithm(hashes.SHA512)
    yield "over SHA-512", ("ES256", lambda message: wider.sign(message, private))
    yield "over SHA-512, said to be ES512", ("ES512", lambda message: wider.sign(message, private))


def _always(signature: bytes) -> Forge:
    return lambda _: signature


def _with_s_above_the_order(key: SigningKey) -> Forge:
    """A second spelling of s where 32 bytes can hold it; otherwise wrapped, and wrong."""

    def forge(message: bytes) -> bytes:
        signature = key.sign(message)
        s = (int.from_bytes(signature[32:]) + P256_ORDER) % 2**256
        return signature[:32] + s.to_bytes(32)

    return forge


def _rs256_rows(key: SigningKey) -> Iterator[tuple[str, Row]]:
    private: rsa.RSAPrivateKey = _private(key)
    numbers = private.private_numbers()
    modulus = numbers.public_numbers.n

    def pkcs1(digest: hashes.HashAlgorithm) -> Forge:
        return lambda message: private.sign(message, padding.PKCS1v15(), digest)

    def pss(message: bytes) -> bytes:
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        return private.sign(message, scheme, hashes.SHA256())

    def without_hash_name(message: bytes) -> bytes:
        """The digest padded bare, without the DigestInfo that names its algorithm."""
        padded = b"\0\1" + b"\xff" * (256 - 35) + b"\0" + hashlib.sha256(message).digest()
        return pow(int.from_bytes(padded), numbers.d, modulus).to_bytes(256)

    def plus_modulus(message: bytes) -> bytes:
        return (int.from_bytes(key.sign(message)) + modulus).to_bytes(257)

    for name in ("RS256", "PS256"):
        yield f"PSS, said to be {name}", (name, pss)
    for bits, digest in ((384, hashes.SHA384()), (512, hashes.SHA512())):
        yield f"over SHA-{bits}", ("RS256", pkcs1(digest))
        yield f"over SHA-{bits}, said so", (f"RS{bits}", pkcs1(digest))
    yield "without the name of the hash", ("RS256", without_hash_name)
    yield "plus the modulus", ("RS256", plus_modulus)
    yield "the modulus", ("RS256", lambda _: modulus.to_bytes(256))
    yield "one", ("RS256", lambda _: bytes(255) + b"\1")
    yield "one below the modulus", ("RS256", lambda _: (modulus - 1).to_bytes(256))


OWN_ROWS: dict[str, Callable[[SigningKey], Iterator[tuple[str, Row]]]] = {
    "EdDSA": _eddsa_rows,
    "ES256": _es256_rows,
    "RS256": _rs256_rows,
}

"""The signature algorithms that Waybill accepts, as a table.

PyJWT's algorithm objects compute; what they are lenient about in a key is checked here. An
algorithm is chosen by the key, never by what a token says of itself (RFC 8725, section 3.1), so an
entry here is also what a key file may contain.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from waybill import base64url

DEFAULT_ALGORITHM = "EdDSA"
"""Of new keys: signatures of 64 bytes, fast, and no random numbers to get wrong."""

RSA_EXPONENT = 65_537
RSA_MIN_BITS = 2_048
"""RFC 7518, section 3.3."""
RSA_MAX_BITS = 4_096
"""Checking costs time that grows with the square of the size; nobody shall make it larger."""

SECRET_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"})
"""What a JSON Web Key of any type keeps private (RFC 7518, section 6; RFC 8037)."""

_FIELD_BYTES = 32
"""A coordinate, or a private key, of Ed25519 (RFC 8032) and of P-256 (RFC 7518, section 6.2)."""


@dataclass(frozen=True, slots=True)
class KeyKind:
    """What a JSON Web Key of one algorithm looks like, and what computes with it.

    `members` are the ones that the thumbprint of RFC 7638 covers, in lexicographic order;
    `numbers` are those of them that hold bytes, and `secrets` the private ones, which do too.
    `check` raises ValueError for bytes that such a member must not have.
    """

    key_type: str
    curve: str | None
    members: tuple[str, ...]
    numbers: tuple[str, ...]
    secrets: tuple[str, ...]
    check: Callable[[str, bytes], None]
    implementation: Algorithm

    def key_from(self, jwk: Mapping[str, Any], *, private: bool) -> Any:
        """The key object of the `cryptography` package.

        Raises:
            ValueError: a member is missing or malformed, or of another kind of private key (as
                `oth`, RSA of many primes), or they make no key (a point that is not on the curve, a
                private part of another key); the text quotes none of it.
        """
        secrets = self.secrets if private else ()
        needed = (*self.numbers, *secrets)
        if not SECRET_MEMBERS & jwk.keys() <= set(secrets):
            raise ValueError("malformed key material")
        try:
            for name in needed:
                self.check(name, base64url.decode(jwk[name].encode("ascii")))
            named = {name: jwk[name] for name in (*self.members, *needed)}
            return self.implementation.from_jwk(named)
        except (AttributeError, InvalidKeyError, LookupError, TypeError, ValueError):
            raise ValueError("malformed key material") from None

    def jwk_of(self, key: Any, *, private: bool = False) -> dict[str, str]:
        """The JSON Web Key of a key object, without what tells its use."""
        jwk = self.implementation.to_jwk(key, as_dict=True)
        return {name: jwk[name] for name in (*self.members, *(self.secrets if private else ()))}


def _fixed_size(_name: str, value: bytes) -> None:
    if len(value) != _FIELD_BYTES:
        raise ValueError("not 32 bytes")


def _rsa_number(name: str, value: bytes) -> None:
    """An unsigned number in as few bytes as it needs (RFC 7518, section 2)."""
    if not value or value[0] == 0 or len(value) > RSA_MAX_BITS // 8:
        raise ValueError("not a number in its shortest form")
    number = int.from_bytes(value)
    fits = RSA_MIN_BITS <= number.bit_length() <= RSA_MAX_BITS
    if name == "n" and not (fits and number % 2):
        raise ValueError("a modulus of another size")
    if name == "e" and number != RSA_EXPONENT:
        raise ValueError("another exponent")


ALGORITHMS: Mapping[str, KeyKind] = {
    "EdDSA": KeyKind(
        "OKP", "Ed25519", ("crv", "kty", "x"), ("x",), ("d",), _fixed_size, OKPAlgorithm()
    ),
    "ES256": KeyKind(
        "EC",
        "P-256",
        ("crv", "kty", "x", "y"),
        ("x", "y"),
        ("d",),
        _fixed_size,
        ECAlgorithm(SHA256, SECP256R1),
    ),
    "RS256": KeyKind(
        "RSA",
        None,
        ("e", "kty", "n"),
        ("e", "n"),
        ("d", "p", "q", "dp", "dq", "qi"),
        _rsa_number,
        RSAAlgorithm(SHA256),
    ),
}
"""By the name of RFC 7518 and its successors. Another algorithm is another line here, and one that
makes keys in `waybill.signing`."""


def algorithm_of(jwk: Mapping[str, object]) -> str | None:
    """The algorithm that a JSON Web Key is for; None if it is none of the table's."""
    for name, kind in ALGORITHMS.items():
        named = jwk.get("kty"), jwk.get("crv"), jwk.get("alg", name)
        if named == (kind.key_type, kind.curve, name):
            return name
    return None

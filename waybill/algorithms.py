"""The signature algorithms that Waybill accepts, as a table.

PyJWT's algorithm objects do the work. An algorithm is chosen by the key, never by what a token says
of itself (RFC 8725, section 3.1), so an entry here is also what a key file may contain.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from jwt.algorithms import Algorithm, OKPAlgorithm


@dataclass(frozen=True, slots=True)
class KeyKind:
    """What a JSON Web Key of one algorithm looks like, and what computes with it.

    `members` are the ones that the thumbprint of RFC 7638 covers, in lexicographic order.
    """

    key_type: str
    curve: str
    members: tuple[str, ...]
    implementation: Algorithm


ALGORITHMS: Mapping[str, KeyKind] = {
    "EdDSA": KeyKind("OKP", "Ed25519", ("crv", "kty", "x"), OKPAlgorithm()),
}
"""By the name of RFC 7518 and its successors; another algorithm is another line."""


def algorithm_of(jwk: Mapping[str, object]) -> str | None:
    """The algorithm that a JSON Web Key is for; None if it is none of the table's."""
    for name, kind in ALGORITHMS.items():
        named = jwk.get("kty"), jwk.get("crv"), jwk.get("alg", name)
        if named == (kind.key_type, kind.curve, name):
            return name
    return None

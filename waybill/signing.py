"""Signing: what issuers have and readers never import."""

import json
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import Message

from waybill.algorithms import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    RSA_EXPONENT,
    RSA_MIN_BITS,
    algorithm_of,
)
from waybill.envelope import pre_authentication_encoding
from waybill.files import PRIVATE_MODE, PUBLIC_MODE, replace_file
from waybill.keys import VerifyingKey, is_key_id, thumbprint
from waybill.metadata import Entry, state_key
from waybill.minting import claims_of
from waybill.strict_json import parse_object
from waybill.v1.envelope_pb2 import Envelope, Signature
from waybill.values import State

KEY_ID_CHARACTERS = 16
"""Of the thumbprint: 96 bits, so that no two keys meet and a header stays short."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its name. Its text form never shows the key."""

    key_id: str
    algorithm: str
    _private: Any = field(repr=False)

    @classmethod
    def generate(cls, algorithm: str = DEFAULT_ALGORITHM) -> "SigningKey":
        """A new key for one of `ALGORITHMS`, named after its thumbprint (RFC 7638).

        An RSA key has 2048 bits, and takes up to a second to find.
        """
        private = _NEW_KEYS[algorithm]()
        jwk = ALGORITHMS[algorithm].jwk_of(private.public_key())
        return cls(thumbprint(jwk, algorithm)[:KEY_ID_CHARACTERS], algorithm, private)

    @classmethod
    def from_private_jwk(cls, jwk: Mapping[str, Any]) -> "SigningKey":
        """The key of a private JSON Web Key (RFC 7517, 7518, 8037); RSA with all CRT members.

        Raises:
            ValueError: it is malformed, public, without a usable `kid`, or of another algorithm.
        """
        algorithm = algorithm_of(jwk)
        if algorithm is None:
            raise ValueError("a key of an algorithm that is not accepted")
        if not is_key_id(jwk.get("kid")) or "d" not in jwk:
            raise ValueError("a signing key needs a `kid` and the private part `d`")
        private = ALGORITHMS[algorithm].key_from(jwk, private=True)
        return cls(jwk["kid"], algorithm, private)

    def to_private_jwk(self) -> dict[str, str]:
        """The private JSON Web Key. Whoever sees it can sign."""
        jwk = ALGORITHMS[self.algorithm].jwk_of(self._private, private=True)
        return {**jwk, "alg": self.algorithm, "kid": self.key_id, "use": "sig"}

    def to_public_jwk(self) -> dict[str, str]:
        """The public JSON Web Key, for readers."""
        return self.verifying_key().to_jwk()

    def verifying_key(self) -> VerifyingKey:
        """The public part."""
        return VerifyingKey.of(self.key_id, self.algorithm, self._private.public_key())

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`.

        For EdDSA 64 bytes (RFC 8032); for ES256 64 bytes, r and s (RFC 7518, section 3.4), never
        the same twice; for RS256 as many bytes as the modulus has (RFC 7518, section 3.3).
        """
        signature = ALGORITHMS[self.algorithm].implementation.sign(message, self._private)
        assert isinstance(signature, bytes)
        return signature

    def sign_claims(self, claims: Mapping[str, object], typ: str) -> str:
        """`claims` as a compact JWT with this key's `kid`; see `sign_jwt`."""
        return jwt.encode(
            dict(claims),
            self._private,
            algorithm=self.algorithm,
            headers={"kid": self.key_id, "typ": typ},
            json_encoder=_FiniteEncoder,
        )


_NEW_KEYS: Mapping[str, Callable[[], Any]] = {
    "EdDSA": Ed25519PrivateKey.generate,
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "RS256": lambda: rsa.generate_private_key(RSA_EXPONENT, RSA_MIN_BITS),
}
"""What makes a private key, for each of `ALGORITHMS`."""


class _FiniteEncoder(json.JSONEncoder):
    """Refuses NaN and Infinity, which no strict reader would accept."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"allow_nan": False}))


def sign_jwt(claims: Mapping[str, object], key: SigningKey, *, typ: str) -> str:
    """A compact JWT of `claims` (RFC 7519) with headers `alg`, `kid` and `typ`, no white space.

    Raises:
        TypeError: a claim that JSON cannot express.
        ValueError: a number that JSON cannot express.
    """
    return key.sign_claims(claims, typ)


def state_entry(
    state: State[Any], claims: Mapping[str, object], key: SigningKey, *, version: int
) -> Entry:
    """The metadata entry that carries `state` as a token; `JwtStateReader` reads it.

    `claims` are the content in the form of that version. Issuer, audience, subject, times, revision
    and minting span are taken from `state`.

    Raises:
        TypeError: a claim that JSON cannot express.
        ValueError: a number that JSON cannot express, or a claim that `state` says already.
    """
    said = {
        "iss": state.issuer,
        "aud": state.audience,
        "sub": state.subject,
        "iat": state.issue_time,
        "exp": state.expire_time,
        "rev": state.revision,
        **claims_of(state.minted_in),
    }
    if not said.keys().isdisjoint(claims):
        raise ValueError("claims that the state says already: " + ", ".join(said.keys() & claims))
    name = state_key(version)
    return name, sign_jwt({**said, **claims}, key, typ=f"{name}+jwt")


def seal(message: Message, key: SigningKey) -> Envelope:
    """`message`, serialised deterministically and signed together with its type's full name."""
    payload_type = message.DESCRIPTOR.full_name
    payload = message.SerializeToString(deterministic=True)
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return Envelope(
        payload_type=payload_type,
        payload=payload,
        signatures=[Signature(key_id=key.key_id, signature=signature)],
    )


def public_jwks(keys: Iterable[SigningKey]) -> str:
    """The JSON Web Key Set that readers of `keys` need."""
    return json.dumps({"keys": [key.to_public_jwk() for key in keys]}, indent=2) + "\n"


class SigningKeyFile:
    """A private JSON Web Key Set, newest key first; the first one signs.

    Publish the public part (`write_public`) before signing with a new key: readers look at their
    file from time to time, and refuse what they do not know.

    New keys are for `algorithm`; the file may hold others beside them.
    """

    def __init__(self, path: Path, algorithm: str = DEFAULT_ALGORITHM) -> None:
        self._path = path
        self._algorithm = algorithm

    def load_or_create(self) -> list[SigningKey]:
        """The keys, newest first; one new key if there is no file.

        Safe against another process that does the same at the same time: both get one file's keys.

        Raises:
            ValueError: the file is malformed, or others than its owner can read it.
            OSError: it cannot be read or written.
        """
        if not self._path.exists():
            with suppress(FileExistsError):  # somebody else was first: theirs it is
                keys = _private_jwks([self._new()])
                replace_file(self._path, keys, PRIVATE_MODE, new=True)
        return self._load()

    def rotate(self, keep: int = 2, public: Path | None = None) -> list[SigningKey]:
        """Put a new key first and keep `keep` keys in all, so that what older ones signed lives on.

        Readers' key set is written to `public` first: a key that readers were not told of must
        not come to sign. Keys that were trusted until now stay in it until the switch is made.

        Raises:
            ValueError: `keep` is below 1, or the file is malformed.
            OSError: the file cannot be read or written.
        """
        if keep < 1:
            raise ValueError("`keep` must be at least 1: the new key")
        everything = [self._new(), *self.load_or_create()]
        keys = everything[:keep]
        if public is not None:
            replace_file(public, public_jwks(everything), PUBLIC_MODE)
        replace_file(self._path, _private_jwks(keys), PRIVATE_MODE)
        return keys

    def write_public(self, path: Path) -> None:
        """Write the readers' key set to `path`, in one step.

        Raises:
            ValueError: the signing key file is malformed.
            OSError: a file cannot be read or written.
        """
        replace_file(path, public_jwks(self.load_or_create()), PUBLIC_MODE)

    def _new(self) -> SigningKey:
        return SigningKey.generate(self._algorithm)

    def _load(self) -> list[SigningKey]:
        if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            raise ValueError(f"{self._path}: others can read this file; chmod 600 it")
        try:
            return _signing_keys(self._path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from None


def _signing_keys(data: bytes) -> list[SigningKey]:
    entries = parse_object(data).get("keys")
    if not isinstance(entries, list) or not entries:
        raise ValueError('signing keys look like {"keys": [...]}, with at least one key')
    if not all(isinstance(jwk, dict) for jwk in entries):
        raise ValueError("each key must be an object")
    keys = [SigningKey.from_private_jwk(jwk) for jwk in entries]
    if len({key.key_id for key in keys}) != len(keys):
        raise ValueError("two keys have the same `kid`")
    return keys


def _private_jwks(keys: Sequence[SigningKey]) -> str:
    return json.dumps({"keys": [key.to_private_jwk() for key in keys]}, indent=2) + "\n"

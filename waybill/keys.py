"""Verification keys: one, a set of them, and where a set comes from.

A reader trusts exactly the keys of its current set, by key id. Key sources belong to one event
loop; they are not meant to be shared between threads.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, Self

from waybill import base64url
from waybill.algorithms import ALGORITHMS, SECRET_MEMBERS, algorithm_of
from waybill.strict_json import parse_object

MAX_KEY_ID_BYTES = 64
MAX_JWKS_BYTES = 256 * 1024
"""A key file may not be larger: about a thousand keys."""

_KEY_ID = re.compile(rf"(?!\.|.*\.\.)[A-Za-z0-9._+/=-]{{1,{MAX_KEY_ID_BYTES}}}")


class BadSignature(Exception):
    """The signature is not the key's over the message. Internal: callers refuse in their terms."""


def is_key_id(value: object) -> bool:
    """Whether `value` is a text that can name a key: 1 to 64 of `A-Z a-z 0-9 . _ - + / =`.

    So names in either base64 are; `.` at the start and `..` are not.
    """
    return isinstance(value, str) and _KEY_ID.fullmatch(value) is not None


def thumbprint(jwk: Mapping[str, Any], algorithm: str) -> str:
    """The SHA-256 thumbprint of a JSON Web Key (RFC 7638), in base64url: 43 characters."""
    members = {name: jwk[name] for name in ALGORITHMS[algorithm].members}
    canonical = json.dumps(members, separators=(",", ":")).encode("utf-8")
    return base64url.encode(hashlib.sha256(canonical).digest())


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key and its name. Two are equal if name, algorithm and key material are."""

    key_id: str
    algorithm: str
    thumbprint: str
    _public: Any = field(repr=False, compare=False)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> "VerifyingKey":
        """The key of a public JSON Web Key (RFC 7517, 7518, 8037) that names a key of our table.

        Raises:
            ValueError: it is malformed, private, without a usable `kid`, or of another algorithm.
        """
        algorithm = algorithm_of(jwk)
        if algorithm is None:
            raise ValueError("a key of an algorithm that is not accepted")
        if not is_key_id(jwk.get("kid")):
            raise ValueError("`kid` must be 1 to 64 characters of A-Z a-z 0-9 . _ - + / =")
        if SECRET_MEMBERS & jwk.keys():
            raise ValueError("a private key; readers get the public part only")
        public = ALGORITHMS[algorithm].key_from(jwk, private=False)
        return cls.of(jwk["kid"], algorithm, public)

    @classmethod
    def of(cls, key_id: str, algorithm: str, public: Any) -> "VerifyingKey":
        """The key around a public key object of the `cryptography` package."""
        jwk = ALGORITHMS[algorithm].jwk_of(public)
        return cls(key_id, algorithm, thumbprint(jwk, algorithm), public)

    def to_jwk(self) -> dict[str, str]:
        """The public JSON Web Key, with `alg`, `kid` and `use`."""
        jwk = ALGORITHMS[self.algorithm].jwk_of(self._public)
        return {**jwk, "alg": self.algorithm, "kid": self.key_id, "use": "sig"}

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return if `signature` is this key's over `message`.

        Raises:
            BadSignature: it is not.
        """
        if not ALGORITHMS[self.algorithm].implementation.verify(message, self._public, signature):
            raise BadSignature


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys trusted at one time, by key id. Empty is a set too: nobody is trusted."""

    _keys: Mapping[str, VerifyingKey] = field(default_factory=dict)
    passed_over: tuple[str, ...] = field(default=(), compare=False)
    """What is wrong with each key that should work and does not; it is not trusted."""

    @classmethod
    def of(cls, *keys: VerifyingKey) -> "KeySet":
        """The set of `keys`.

        Raises:
            ValueError: two have the same key id.
        """
        by_id = {key.key_id: key for key in keys}
        if len(by_id) != len(keys):
            raise ValueError("two keys have the same `kid`")
        return cls(by_id)

    @classmethod
    def from_jwks(cls, text: str | bytes) -> "KeySet":
        """The signature keys of a JSON Web Key Set.

        Keys of other types or uses are passed over, as RFC 7517 (section 5) asks; so a key for
        encryption can never verify a signature. So are keys that should work and do not, which
        `passed_over` tells of, as long as others do: one bad key of an issuer must not end the
        trust in its good ones.

        Raises:
            ValueError: no key set, private keys in it, two of one name, or only keys that should
                work and do not; says which.
        """
        data = text.encode("utf-8") if isinstance(text, str) else text
        entries = parse_object(data).get("keys")
        if not isinstance(entries, list):
            raise ValueError('a key set looks like {"keys": [...]}')  # noqa: TRY004 (a bad file)
        usable, problems = _usable(entries)
        if problems and not usable:
            raise ValueError(problems[0])
        return replace(cls.of(*usable), passed_over=tuple(problems))

    def get(self, key_id: str) -> VerifyingKey | None:
        """The key of that id, None if it is not trusted."""
        return self._keys.get(key_id)

    def __iter__(self) -> Iterator[VerifyingKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)


def _usable(entries: list[object]) -> tuple[list[VerifyingKey], list[str]]:
    """The keys that verify signatures in an accepted algorithm, and what is wrong with others."""
    keys, problems = [], []
    for position, jwk in enumerate(entries):
        if not isinstance(jwk, dict):
            raise ValueError(f"keys[{position}]: not an object")  # noqa: TRY004 (a bad file)
        if SECRET_MEMBERS & jwk.keys():
            raise ValueError(f"keys[{position}]: a private key; readers get the public part only")
        if algorithm_of(jwk) is None or not _is_for_verifying(jwk):
            continue
        try:
            keys.append(VerifyingKey.from_jwk(jwk))
        except ValueError as error:
            problems.append(f"keys[{position}]: {error}")
    return keys, problems


def _is_for_verifying(jwk: Mapping[str, object]) -> bool:
    """Whether `use` and `key_ops` (RFC 7517, sections 4.2 and 4.3), where present, allow it."""
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations
    )


class KeySource(Protocol):
    """Where a verifier gets its keys, at each call."""

    def current(self, *, missing: str | None = None) -> KeySet:
        """The keys trusted now.

        `missing` is a key id that the caller did not find in the set, which may be a reason to look
        for a newer one; sources bound how often.

        Raises:
            waybill.errors.KeysUnavailable: none were ever loaded.
        """
        ...


def find_key(keys: KeySource, key_id: str) -> VerifyingKey | None:
    """The trusted key of that id, after a second look by the source if need be."""
    return keys.current().get(key_id) or keys.current(missing=key_id).get(key_id)


class StaticKeys:
    """Keys that change only when told."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys

    def current(self, *, missing: str | None = None) -> KeySet:  # noqa: ARG002 (KeySource's shape)
        """The keys last given."""
        return self._keys

    def replace(self, keys: KeySet) -> None:
        """Trust exactly `keys` from now on."""
        self._keys = keys


MISSING_EVERY_S = 30.0
"""Seconds between two looks for keys that are missing, however many strangers name some."""


class Cause(StrEnum):
    """Why a source looked for newer keys."""

    TIME = "time"
    """It was time to."""
    MISSING_KEY = "missing-key"
    """Somebody named a key that the set lacks."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at where keys come from: `changed` if it brought another set.

    `passed_over` is what is wrong with keys of the set that is trusted now; see `KeySet`.
    """

    cause: Cause
    changed: bool
    error: str | None
    passed_over: tuple[str, ...] = ()

    @classmethod
    def at(cls, cause: Cause, before: KeySet | None, now: KeySet | None, error: str | None) -> Self:
        """The look between these two sets; None is none yet."""
        return cls(cause, now is not before, error, now.passed_over if now else ())


def is_due(now: float, last: float, every_s: float) -> bool:
    """Whether it is time again; also for a clock that was set back."""
    return now - last >= every_s or now < last

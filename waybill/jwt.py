"""Verifying JWTs (RFC 7519, RFC 8725): users' tokens, and state carried as a token.

The order of checks: size, form, key and signature, type, issuer and audience, times. PyJWT's
algorithm does the signature; its parser and its claim checks are not used, because they accept what
`waybill.jwt_preparse` lists, read the wall clock, and walk over the token character by character.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from waybill.expectations import DEFAULT_LEEWAY_S, Expectations
from waybill.jwt_preparse import Malformed, UnverifiedJws, split_compact
from waybill.keys import BadSignature, KeySource, VerifyingKey, find_key
from waybill.refusals import CREDENTIAL_REFUSALS, STATE_REFUSALS, Refusals
from waybill.strict_json import parse_object
from waybill.verified_cache import Memory, Verified, VerifiedCache

__all__ = [
    "CREDENTIAL_REFUSALS",
    "DEFAULT_LEEWAY_S",
    "DEFAULT_MAX_BYTES",
    "STATE_REFUSALS",
    "JwtVerifier",
    "Refusals",
    "TokenReader",
]

DEFAULT_MAX_BYTES = 16 * 1024

Claims = Mapping[str, Any]
Value = TypeVar("Value")


class TokenReader(Generic[Value]):
    """Verifies tokens of one type, and turns their claims into a value of the caller's choice."""

    def __init__(
        self,
        keys: KeySource,
        *,
        typ: str,
        expectations: Expectations,
        max_bytes: int,
        cache: VerifiedCache | None,
        convert: Callable[[Claims], Value],
    ) -> None:
        self._keys = keys
        self._typ = typ
        self._expectations = expectations
        self._refusals = expectations.refusals
        self._max_bytes = max_bytes
        self._convert = convert
        self._memory: Memory[Value] = Memory(cache, keys, expectations.is_past)

    def read(self, token: str) -> Value:
        """The value of a token that holds.

        Raises:
            WaybillError: one of the refusals, or KeysUnavailable.
        """
        data = self._bytes_of(token)
        digest = hashlib.sha256(data).digest()
        value = self._memory.recall(digest)
        if value is None:
            verified = self._verify(data)
            self._memory.keep(digest, verified, len(data))
            value = verified.value
        return value

    def _bytes_of(self, token: str) -> bytes:
        check_size(len(token), self._max_bytes, self._refusals)
        try:
            return token.encode("ascii")
        except UnicodeEncodeError:
            raise self._refusals.invalid("not ASCII") from None

    def _verify(self, data: bytes) -> Verified[Value]:
        jws = self._parts_of(data)
        key = self._check_signature(jws)
        if jws.typ != self._typ:
            raise self._refusals.invalid("another type of token")
        claims = self._claims_of(jws.payload)
        try:
            return Verified(self._convert(claims), key, claims["exp"])
        except (LookupError, TypeError, ValueError):
            raise self._refusals.invalid("claims that their decoder refuses") from None

    def _parts_of(self, data: bytes) -> UnverifiedJws:
        try:
            return split_compact(data)
        except Malformed as error:
            raise self._refusals.invalid(str(error)) from None

    def _check_signature(self, jws: UnverifiedJws) -> VerifyingKey:
        key = find_key(self._keys, jws.key_id)
        if key is None:
            raise self._refusals.invalid("a key that is not trusted")
        if jws.algorithm != key.algorithm:
            raise self._refusals.invalid("an algorithm that is not the key's")
        try:
            key.verify(jws.signature, jws.signing_input)
        except BadSignature:
            raise self._refusals.invalid("a signature that does not hold") from None
        return key

    def _claims_of(self, payload: bytes) -> Claims:
        """All of iss, aud, sub, iat and exp must be there and right; nbf may be."""
        try:
            claims = parse_object(payload)
        except ValueError as error:
            raise self._refusals.invalid(f"claims: {error}") from None
        self._expectations.check_parties(claims.get("iss"), claims.get("aud"))
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise self._refusals.invalid("no subject")
        self._expectations.check_times(claims.get("iat"), claims.get("exp"), claims.get("nbf", 0))
        return claims


class JwtVerifier(TokenReader[Claims]):
    """Verifies tokens of one type, issuer and audience, and gives their claims."""

    def __init__(  # noqa: PLR0913 (settings, by name)
        self,
        keys: KeySource,
        *,
        typ: str,
        issuer: str,
        audience: str,
        refusals: Refusals,
        clock: Callable[[], float] = time.time,
        leeway_s: int = DEFAULT_LEEWAY_S,
        max_bytes: int = DEFAULT_MAX_BYTES,
        cache: VerifiedCache | None = None,
    ) -> None:
        super().__init__(
            keys,
            typ=typ,
            expectations=Expectations(issuer, audience, clock, leeway_s, refusals),
            max_bytes=max_bytes,
            cache=cache,
            convert=MappingProxyType,
        )

    def verify(self, token: str) -> Claims:
        """The claims of a token that holds, read-only, with `iss`, `aud`, `sub`, `iat` and `exp`.

        Raises:
            WaybillError: `refusals.too_large` (over `max_bytes`), `refusals.expired`,
                `refusals.invalid` for every other cause, or KeysUnavailable.
        """
        return self.read(token)


def check_size(size_bytes: int, max_bytes: int, refusals: Refusals) -> None:
    """Return if `size_bytes` is within the budget.

    Raises:
        WaybillError: `refusals.too_large`. Facts: `bytes`, `max_bytes`.
    """
    if size_bytes > max_bytes:
        raise refusals.too_large(facts={"bytes": str(size_bytes), "max_bytes": str(max_bytes)})

"""Who is calling: the bearer token of `authorization`, verified."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from waybill.errors import CredentialInvalid, CredentialMissing
from waybill.metadata import AUTHORIZATION, Entry
from waybill.serving.call import Caller

MAX_SUBJECT_BYTES = 128
"""Of a caller's name in UTF-8, as protos/rules.toml has it for names in requests: what databases
and copies have room for."""

_SCHEME = "bearer "


class TokenVerifier(Protocol):
    """What checks a token; `waybill.jwt.JwtVerifier` does."""

    def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of an authentic token.

        Raises:
            waybill.errors.WaybillError: the token cannot be believed, or not now.
        """
        ...


class Authenticator:
    """Turns a call's metadata into its caller."""

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier

    def caller(self, metadata: Iterable[Entry]) -> Caller:
        """The caller that exactly one bearer token names.

        Raises:
            waybill.errors.CredentialMissing: no token, several, or another scheme.
            waybill.errors.Unauthenticated: the token cannot be believed.
            waybill.errors.KeysUnavailable: no keys to check it with.
        """
        return _caller(self._verifier.verify(_bearer_token(metadata)))


def _bearer_token(metadata: Iterable[Entry]) -> str:
    values = [value for key, value in metadata if key == AUTHORIZATION]
    if len(values) != 1 or not isinstance(values[0], str):
        raise CredentialMissing
    value = values[0]
    if value[: len(_SCHEME)].lower() != _SCHEME or len(value) == len(_SCHEME):
        raise CredentialMissing
    return value[len(_SCHEME) :]


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_name(subject):
        raise CredentialInvalid("sub is no name, or too long for one")
    if "roles" not in claims:
        return Caller(subject)
    roles = claims["roles"]
    if not isinstance(roles, list | tuple) or not all(isinstance(role, str) for role in roles):
        raise CredentialInvalid("roles is no list of names")
    return Caller(subject, frozenset(roles))


def _is_name(text: str) -> bool:
    """Whether `text` can be stored and compared whole wherever a subject is."""
    if not text or len(text) > MAX_SUBJECT_BYTES or not text.isprintable():
        return False
    return text.isascii() or len(text.encode()) <= MAX_SUBJECT_BYTES

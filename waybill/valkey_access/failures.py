"""What went wrong with Valkey, and what to do about it, in words that hold no secret.

Texts of the library and of the server may quote URLs, logins and keys: they are never passed on.
"""

import ssl
from collections.abc import Iterator

from valkey.exceptions import (
    AuthenticationError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    ValkeyError,
)

from waybill.tls import distrust

FAILURES = (ValkeyError, OSError, TimeoutError)
"""All that the library raises where a question is not answered."""

_KNOWN: tuple[tuple[type[BaseException], str], ...] = (
    (AuthenticationError, "it refuses the login: check user and password in the URL"),
    (NoPermissionError, "the login may not do this: give it the rights of docs/engines.md"),
    (OutOfMemoryError, "its memory is full: raise maxmemory, or let less be kept there"),
    (ReadOnlyError, "it is a standby: name the primary, or the cluster"),
)
_NO_ANSWER = "check that it is there, and that both sides speak TLS, or neither"
_MOVING = "its keys are on their way to another node: until they are there nobody answers"
_CODES = {
    "ASK": _MOVING,
    "TRYAGAIN": _MOVING,
    "MOVED": "it is one node of a cluster: say so in the URL (valkey+cluster://)",
    "CROSSSLOT": "the keys are on several nodes: the prefix needs braces",
    "CLUSTERDOWN": "the cluster is down: too few of its primaries are there",
}


def why(error: BaseException) -> str:
    """The kind of a failure, and advice where there is some."""
    known = filter(None, map(_advice, _chain(error)))
    advice = next(known, "" if isinstance(error, ResponseError) else _NO_ANSWER)
    return ": ".join(filter(None, (type(error).__name__, advice)))


def _advice(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLError):
        return distrust(error)
    for kind, advice in _KNOWN:
        if isinstance(error, kind):
            return advice
    return _CODES.get(str(error).partition(" ")[0]) if isinstance(error, ResponseError) else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

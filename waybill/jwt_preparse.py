"""Taking a compact JWS apart before anything believes it, without leniency.

What PyJWT would let through stops here: duplicate keys, UTF-16, padding, headers that make a reader
fetch or load keys, and any size. Nothing of the payload is parsed before the signature holds.
"""

from dataclasses import dataclass

from waybill import base64url
from waybill.keys import is_key_id
from waybill.strict_json import parse_object

MAX_HEADER_BYTES = 512
"""Of the decoded header. Ours take about 70; `kid` may take 64."""

_HEADER_NAMES = {"alg", "kid", "typ"}
"""All three, and nothing else: so no `crit`, `b64`, `zip`, `enc`, `jwk`, `jku`, `x5u` or `x5c`."""


class Malformed(ValueError):
    """No compact JWS of the kind that we read. Internal: callers refuse in their own terms."""


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """The parts of a compact JWS (RFC 7515, section 3.1), well-formed and not to be believed."""

    algorithm: str
    key_id: str
    typ: str
    signing_input: bytes
    payload: bytes
    signature: bytes


def split_compact(token: bytes) -> UnverifiedJws:
    """Take `token` apart.

    Raises:
        Malformed: it is not exactly three parts of canonical base64url, or its header is not a
            strict JSON object of `alg`, `kid` and `typ`, all texts.
    """
    parts = token.split(b".", 3)
    if len(parts) != 3 or not all(parts):
        raise Malformed("not three parts")
    try:
        header, payload, signature = map(base64url.decode, parts)
        algorithm, key_id, typ = _read_header(header)
    except ValueError as error:
        raise Malformed(str(error)) from None
    signing_input = token[: -len(parts[2]) - 1]
    return UnverifiedJws(algorithm, key_id, typ, signing_input, payload, signature)


def _read_header(data: bytes) -> tuple[str, str, str]:
    if len(data) > MAX_HEADER_BYTES:
        raise ValueError("header too long")
    header = parse_object(data)
    if header.keys() != _HEADER_NAMES:
        raise ValueError("header names other than alg, kid and typ")
    algorithm, key_id, typ = header["alg"], header["kid"], header["typ"]
    if not (isinstance(algorithm, str) and isinstance(typ, str) and is_key_id(key_id)):
        raise ValueError("header value of the wrong form")
    return algorithm, key_id, typ

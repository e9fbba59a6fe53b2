"""JSON objects read without leniency, from bytes that nobody vouches for yet.

The standard library accepts much that two readers may understand differently: duplicate keys, byte
order marks, UTF-16, NaN, lone surrogates, and nesting down to its recursion limit. All of that is
refused here (RFC 8259; RFC 8725, section 2.6, says why it matters for tokens).
"""

import json
import math
import re
from typing import Any

MAX_DEPTH = 8
"""Levels of nesting, the object itself being the first. State needs three."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, or an unterminated one up to the end; possessive, so time is linear in any input."""

_FOLD_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def parse_object(data: bytes, *, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The JSON object that `data` is, in strict UTF-8.

    Raises:
        ValueError: anything else; the text does not quote `data`.
    """
    _check_depth(data, max_depth)
    try:
        text = data.decode("utf-8")
        value = _DECODER.decode(text)
    except ValueError:
        raise ValueError("not JSON in UTF-8, or a duplicate key or non-finite number") from None
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (bad content)
    if "\\u" in text:
        _check_surrogates(value)
    return value


def _check_depth(data: bytes, max_depth: int) -> None:
    """Bound the nesting before the recursive parser sees it: each round removes one level."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    brackets = _STRING.sub(b"", data).translate(_FOLD_BRACKETS, _NOT_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise ValueError("nested too deeply, or unbalanced")


def _check_surrogates(value: object) -> None:
    """Refuse half a surrogate pair, which only an escape can bring in."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _refuse_constant(_name: str) -> None:
    raise ValueError("NaN and Infinity are no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant
)

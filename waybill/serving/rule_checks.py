"""Single rules, compiled: each check takes a field's value and says what it must be, or None.

Patterns are kept to a form that cannot backtrack catastrophically: characters and classes in a
row, of which one may repeat without bound. They need `max_bytes` beside them, and see no longer
text.
"""

import math
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

ValueCheck = Callable[[Any], str | None]
"""Takes a value; None if it is fine, else what it must be."""

REQUIRED = "is required"

_NUMBERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
        FieldDescriptor.CPPTYPE_FLOAT,
        FieldDescriptor.CPPTYPE_DOUBLE,
    }
)
_ATOM = r"(?:\[(?:[^\[\]\\]|\\[\w.-])+\]|[\w -]|\\[.dws-])"
_PATTERN = re.compile(rf"(?:{_ATOM}(?:[*+?]|\{{\d+(?:,\d*)?\}})?)+")
_UNBOUNDED = re.compile(rf"{_ATOM}(?:[*+]|\{{\d+,\}})")


def value_check(field: FieldDescriptor, rules: Mapping[str, Any]) -> ValueCheck:
    """Compile `rules` for single values of `field`, into one function: each call has its price.

    Raises:
        ValueError: a rule is unknown, does not fit the field, or has a value that it cannot have.
    """
    allowed, make = _kind(field)
    unknown = rules.keys() - allowed
    if unknown:
        raise ValueError(f"{field.full_name} cannot have the rule {', '.join(sorted(unknown))}")
    return make(rules)


def flag(rules: Mapping[str, Any], name: str) -> bool:
    """The rule `name`, which must be true or false; false without it."""
    value = rules.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")  # noqa: TRY004 -- a table is wrong in one way
    return value


def whole_number(rules: Mapping[str, Any], name: str, default: int) -> int:
    """The rule `name`, which must be a number not below 0."""
    value = number(rules, name, default)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} must be a whole number, not {value!r}")
    return value


def number(rules: Mapping[str, Any], name: str, default: float) -> float:
    """The rule `name`, which must be a number."""
    value = rules.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {value!r}")  # noqa: TRY004 -- as above
    return value


def _kind(
    field: FieldDescriptor,
) -> tuple[frozenset[str], Callable[[Mapping[str, Any]], ValueCheck]]:
    """The rules that a value of `field` can have besides `required`, and what compiles them."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return frozenset({"required", "max_bytes", "pattern"}), _text_check
    if field.type == FieldDescriptor.TYPE_BYTES:
        return frozenset({"required", "max_bytes"}), _bytes_check
    if field.cpp_type in _NUMBERS:
        return frozenset({"required", "min", "max"}), _number_check
    return frozenset({"required"}), _presence_check


def _text_check(rules: Mapping[str, Any]) -> ValueCheck:
    """An empty text is absent in proto3, so that only `required` concerns it."""
    limit, too_long = _limit(rules)
    matches, wrong = _matcher(rules)
    empty = REQUIRED if flag(rules, "required") else None

    def check(value: str) -> str | None:
        if not value:
            return empty
        if len(value) > limit or (not value.isascii() and len(value.encode()) > limit):
            return too_long
        return None if matches(value) else wrong

    return check


def _bytes_check(rules: Mapping[str, Any]) -> ValueCheck:
    limit, too_long = _limit(rules)
    empty = REQUIRED if flag(rules, "required") else None

    def check(value: bytes) -> str | None:
        if not value:
            return empty
        return too_long if len(value) > limit else None

    return check


def _number_check(rules: Mapping[str, Any]) -> ValueCheck:
    least, most = number(rules, "min", -math.inf), number(rules, "max", math.inf)
    too_little, too_much = f"must be at least {least}", f"must be at most {most}"
    required = flag(rules, "required")

    def check(value: float) -> str | None:
        if required and not value:
            return REQUIRED
        if value >= least:  # NaN is not
            return None if value <= most else too_much
        return too_little

    return check


def _presence_check(rules: Mapping[str, Any]) -> ValueCheck:
    required = flag(rules, "required")

    def check(value: object) -> str | None:
        return REQUIRED if required and not value else None

    return check


def _limit(rules: Mapping[str, Any]) -> tuple[int, str]:
    limit = whole_number(rules, "max_bytes", sys.maxsize)
    return limit, f"must have at most {limit} bytes"


def _matcher(rules: Mapping[str, Any]) -> tuple[Callable[[str], object], str]:
    if "pattern" not in rules:
        return bool, ""
    pattern = rules["pattern"]
    if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
        raise ValueError(f"pattern {pattern!r} is not characters and classes in a row")
    if len(_UNBOUNDED.findall(pattern)) > 1:
        raise ValueError(f"pattern {pattern!r} repeats more than one class without bound")
    if "max_bytes" not in rules:
        raise ValueError(f"pattern {pattern!r} needs max_bytes beside it")
    return re.compile(pattern, re.ASCII).fullmatch, f"must match {pattern}"

"""Single rules, compiled: each check takes a field's value and says what it must be, or None.

Patterns are kept to a form that cannot backtrack catastrophically: characters and classes in a
row, of which one may repeat without bound. They need `max_bytes` beside them, and see no longer
text.
"""

import re
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


def allowed_rules(field: FieldDescriptor) -> frozenset[str]:
    """The names of the rules that a single value of `field` can have."""
    if field.type == FieldDescriptor.TYPE_STRING:
        return frozenset({"required", "max_bytes", "pattern"})
    if field.type == FieldDescriptor.TYPE_BYTES:
        return frozenset({"required", "max_bytes"})
    if field.cpp_type in _NUMBERS:
        return frozenset({"required", "min", "max"})
    return frozenset({"required"})


def value_check(field: FieldDescriptor, rules: Mapping[str, Any]) -> ValueCheck:
    """Compile `rules` for single values of `field`.

    Raises:
        ValueError: a rule is unknown, does not fit the field, or has a value that it cannot have.
    """
    unknown = set(rules) - allowed_rules(field)
    if unknown:
        raise ValueError(f"{field.full_name} cannot have the rule {', '.join(sorted(unknown))}")
    checks = list(_checks(rules))
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING or rules.get("required"):
        return _unless_empty(checks, required=flag(rules, "required"))
    return _all_of(checks)


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


def _checks(rules: Mapping[str, Any]) -> list[ValueCheck]:
    makers = {"max_bytes": _max_bytes, "pattern": _pattern, "min": _min, "max": _max}
    return [make(rules) for name, make in makers.items() if name in rules]


def _max_bytes(rules: Mapping[str, Any]) -> ValueCheck:
    limit = whole_number(rules, "max_bytes", 0)

    def check(value: str | bytes) -> str | None:
        size = len(value)
        if size <= limit and isinstance(value, str) and not value.isascii():
            size = len(value.encode())
        return f"must have at most {limit} bytes" if size > limit else None

    return check


def _pattern(rules: Mapping[str, Any]) -> ValueCheck:
    pattern = rules["pattern"]
    if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
        raise ValueError(f"pattern {pattern!r} is not characters and classes in a row")
    if len(_UNBOUNDED.findall(pattern)) > 1:
        raise ValueError(f"pattern {pattern!r} repeats more than one class without bound")
    if "max_bytes" not in rules:
        raise ValueError(f"pattern {pattern!r} needs max_bytes beside it")
    matches = re.compile(pattern, re.ASCII).fullmatch

    def check(value: str) -> str | None:
        return None if matches(value) else f"must match {pattern}"

    return check


def _min(rules: Mapping[str, Any]) -> ValueCheck:
    limit = number(rules, "min", 0)

    def check(value: float) -> str | None:  # in this form NaN fails
        return None if value >= limit else f"must be at least {limit}"

    return check


def _max(rules: Mapping[str, Any]) -> ValueCheck:
    limit = number(rules, "max", 0)

    def check(value: float) -> str | None:
        return None if value <= limit else f"must be at most {limit}"

    return check


def _all_of(checks: list[ValueCheck]) -> ValueCheck:
    if len(checks) == 1:
        return checks[0]

    def check(value: object) -> str | None:
        for each in checks:
            if problem := each(value):
                return problem
        return None

    return check


def _unless_empty(checks: list[ValueCheck], *, required: bool) -> ValueCheck:
    """An empty value is absent in proto3, so the other rules do not concern it."""
    empty = REQUIRED if required else None

    def check(value: object) -> str | None:
        if not value:
            return empty
        for each in checks:
            if problem := each(value):
                return problem
        return None

    return check

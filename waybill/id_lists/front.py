"""Sorted ids as lines that leave out what they share with the line before (front coding)."""

from collections.abc import Sequence
from itertools import pairwise

from waybill.id_lists.codec import Limits, check_ascending

_ZERO = ord("0")
"""Counts of shared characters, 0 to 63, travel as the characters `0` to `o`."""
_SEPARATOR = "\n"


def shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    for at, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return at
    return min(len(one), len(other))


def to_text(ids: Sequence[str]) -> bytes:
    """`ids`, valid and ascending, one a line, each after the count of what it leaves out."""
    lines = (_line(before, each) for before, each in pairwise(["", *ids]))
    return _SEPARATOR.join(lines).encode("ascii")


def from_text(text: bytes, limits: Limits) -> list[str]:
    """The ids of `to_text`.

    Raises:
        ValueError: `text` is not what `to_text` gives, or holds too many ids.
    """
    lines = text.decode("ascii").split(_SEPARATOR, limits.max_ids) if text else []
    if len(lines) > limits.max_ids:
        raise ValueError("too many ids")
    ids, before = list[str](), ""
    for line in lines:
        count = ord(line[:1] or "o") - _ZERO
        each = before[: max(count, 0)] + line[1:]
        if not 0 <= count <= len(before) or before[count : count + 1] == line[1:2]:
            raise ValueError("more is shared, or less, than the count says")
        ids.append(each)
        before = each
    check_ascending(ids)
    return ids


def _line(before: str, each: str) -> str:
    count = shared(before, each)
    return chr(_ZERO + count) + each[count:]

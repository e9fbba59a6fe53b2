"""Rung `delta`: ids that end in a number, as the gaps between the numbers of each series.

A series is all ids with the same text before the number and the same count of digits, so zero
padding is kept. Series are sorted, and each names only what its text does not share with the one
before.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from waybill.id_lists.codec import ID_CHARACTERS, MAX_ID_BYTES, NOT_FIRST, Limits
from waybill.id_lists.cursor import Cursor, varint
from waybill.id_lists.front import shared
from waybill.id_lists.gaps import decode_set, encode_set

_DIGITS = "0123456789"
_NOT_FIRST = tuple(NOT_FIRST.decode("ascii"))


class _Series(NamedTuple):
    prefix: str
    """Does not end in a digit."""
    width: int
    """Digits of the number; 0 is an id without one."""

    def ids(self, numbers: Sequence[int]) -> list[str]:
        if not self.width:
            return [self.prefix]
        form = f"{self.prefix}%0{self.width}d"
        return [form % number for number in numbers]


_BEFORE_ALL = _Series("", 0)
"""Less than every series: it would be an empty id."""


class Delta:
    """Front-coded series, each with the Rice-coded gaps of its numbers."""

    def encode(self, ids: Sequence[str]) -> bytes:
        out, before = [], ""
        for series, numbers in sorted(_by_series(ids).items()):
            out += [_head(series, before), encode_set(numbers)]
            before = series.prefix
        return b"".join(out)

    def decode(self, body: bytes, limits: Limits) -> list[str]:
        cursor, ids, series = Cursor(body), list[str](), _BEFORE_ALL
        while cursor.left:
            if len(ids) >= limits.max_ids:
                raise ValueError("too many ids")
            series = _read_head(cursor, series)
            most = limits.max_ids - len(ids) if series.width else 1
            ids += series.ids(decode_set(cursor, max_count=most, below=10**series.width))
        return ids


def _by_series(ids: Sequence[str]) -> Mapping[_Series, list[int]]:
    """The numbers come out ascending, because texts of equal width sort as numbers do."""
    found: dict[_Series, list[int]] = {}
    for each in ids:
        prefix = each.rstrip(_DIGITS)
        tail = each[len(prefix) :]
        found.setdefault(_Series(prefix, len(tail)), []).append(int(tail or "0"))
    return found


def _head(series: _Series, before: str) -> bytes:
    count = shared(series.prefix, before)
    own = series.prefix[count:].encode("ascii")
    return bytes([count, len(own)]) + own + varint(series.width)


def _read_head(cursor: Cursor, before: _Series) -> _Series:
    count = cursor.varint(len(before.prefix))
    own = cursor.take(cursor.varint(MAX_ID_BYTES - count))
    prefix = before.prefix[:count] + own.decode("ascii")
    series = _Series(prefix, cursor.varint(MAX_ID_BYTES - len(prefix)))
    if count != shared(prefix, before.prefix) or series <= before:
        raise ValueError("series out of order")
    if own.translate(None, ID_CHARACTERS) or prefix.startswith(_NOT_FIRST):
        raise ValueError("not an id")
    if prefix and prefix[-1] in _DIGITS:
        raise ValueError("a digit outside of its number")
    return series

"""What ids of one length have in common, column by column, and the number that is left of each.

A block is the ids one after the other in one `bytes`, so that a column is a slice with a stride and
nothing here walks over single characters.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, groupby, product
from math import prod
from typing import Final

from waybill.id_lists import gs1
from waybill.id_lists.alphabets import ALPHABETS, smallest
from waybill.id_lists.codec import ID_CHARACTERS, MAX_ID_BYTES, NOT_FIRST
from waybill.id_lists.cursor import Cursor

CHECK: Final = b""
"""Stands for the alphabet of a last column that follows from the digits before it."""

_CHECK_CODE = len(ALPHABETS)
_CODES: Mapping[bytes, int] = {each: code for code, each in enumerate((*ALPHABETS, CHECK))}
_NAMED = 0x80
_MOST_RUN = 8
_INT_DIGITS = b"0123456789abcdefghijklmnopqrstuvwxyz"
"""What `int` reads and `format` writes."""


@dataclass(frozen=True, slots=True)
class _Field:
    """Neighbouring columns of one alphabet, constants between them left out."""

    alphabet: bytes
    places: tuple[int, ...]

    @property
    def size(self) -> int:
        return int(len(self.alphabet) ** len(self.places))


@dataclass(frozen=True, slots=True)
class Template:
    """The alphabet of each column; one character is a constant."""

    columns: tuple[bytes, ...]

    @classmethod
    def of(cls, block: bytes, length: int) -> "Template":
        """The one template of a block of distinct ids."""
        columns = [block[place::length] for place in range(length)]
        alphabets = [smallest(_characters(column)) for column in columns]
        if len(alphabets[-1]) > 1 and _is_gtin(block, columns):
            alphabets[-1] = CHECK
        return cls(tuple(alphabets))

    @property
    def size(self) -> int:
        """How many ids could be of this template."""
        return prod(field.size for field in self._fields())

    def to_bytes(self) -> bytes:
        """Length, then a byte for each constant and for each run of up to eight equal columns."""
        return bytes([len(self.columns), *_tokens(self.columns)])

    @classmethod
    def read(cls, cursor: Cursor) -> "Template":
        """What `to_bytes` wrote, if ids could be of it.

        Raises:
            ValueError: they could not, or it is not written as `to_bytes` does.
        """
        length, columns, seen = cursor.byte(), list[bytes](), bytearray()
        if not 1 <= length <= MAX_ID_BYTES:
            raise ValueError("length of an id")
        while len(columns) < length:
            seen.append(cursor.byte())
            columns += _columns_of(seen[-1])
        template = cls(tuple(columns))
        if len(columns) > length or bytes([length, *seen]) != template.to_bytes():
            raise ValueError("runs that could be longer, or are too long")
        if CHECK in columns[:-1]:
            raise ValueError("a check digit that is not the last")
        return template

    def numbers(self, block: bytes) -> list[int]:
        """What is left of each id of a block."""
        length, fields = len(self.columns), self._fields()
        first = next(fields, None)
        numbers = _parts(first, block, length) if first else [0]
        for field in fields:
            size, parts = field.size, _parts(field, block, length)
            numbers = [high * size + low for high, low in zip(numbers, parts, strict=True)]
        return numbers

    def block(self, numbers: Sequence[int]) -> bytes:
        """The ids of which `numbers`, all below `size`, are left."""
        count, length = len(numbers), len(self.columns)
        block = bytearray((b"".join(each[:1] or b"0" for each in self.columns)) * count)
        for field in reversed(list(self._fields())):
            size = field.size
            text = _text(field, [number % size for number in numbers])
            numbers = [number // size for number in numbers]
            for at, place in enumerate(field.places):
                block[place::length] = text[at :: len(field.places)]
        if self.columns[-1] == CHECK:
            digits = [bytes(block[place::length]) for place in range(length - 1)]
            block[length - 1 :: length] = gs1.check_column(digits)
        return bytes(block)

    def _fields(self) -> Iterator[_Field]:
        variable = [(each, n) for n, each in enumerate(self.columns) if len(each) > 1]
        for alphabet, places in groupby(variable, key=lambda pair: pair[0]):
            yield _Field(alphabet, tuple(place for _, place in places))


def may_begin_ids(column: bytes) -> bool:
    """Whether every character of a first column may stand there."""
    return not any(each in column for each in NOT_FIRST)


def _characters(column: bytes) -> bytes:
    """The distinct characters of a column; looking for each is a fast search in C."""
    if column.count(column[:1]) == len(column):
        return column[:1]
    return bytes(each for each in ID_CHARACTERS if each in column)


def _is_gtin(block: bytes, columns: Sequence[bytes]) -> bool:
    if len(columns) not in gs1.LENGTHS or not block.isdigit():
        return False
    return gs1.check_column(columns[:-1]) == columns[-1]


def _tokens(columns: Sequence[bytes]) -> Iterator[int]:
    for alphabet, group in groupby(columns):
        run = len(list(group))
        if len(alphabet) == 1:
            yield from alphabet * run
            continue
        for start in range(0, run, _MOST_RUN):
            yield _NAMED | _CODES[alphabet] << 3 | min(run - start, _MOST_RUN) - 1


def _columns_of(token: int) -> list[bytes]:
    if token < _NAMED:
        if token not in ID_CHARACTERS:
            raise ValueError("a character that ids do not have")
        return [bytes([token])]
    code, run = token >> 3 & 15, (token & 7) + 1
    return [CHECK if code == _CHECK_CODE else ALPHABETS[code]] * run


def _parts(field: _Field, block: bytes, length: int) -> list[int]:
    """One number a field and id: by `int` where it knows the base, else column by column."""
    base, width = len(field.alphabet), len(field.places)
    count = len(block) // length
    if base > len(_INT_DIGITS):
        return _parts_by_column(field, block, length)
    text = bytearray(count * width)
    for at, place in enumerate(field.places):
        text[at::width] = block[place::length]
    text = text.translate(bytes.maketrans(field.alphabet, _INT_DIGITS[:base]))
    return [int(text[at : at + width], base) for at in range(0, len(text), width)]


def _parts_by_column(field: _Field, block: bytes, length: int) -> list[int]:
    base = len(field.alphabet)
    values = bytes.maketrans(field.alphabet, bytes(range(base)))
    parts = [0] * (len(block) // length)
    for place in field.places:
        column = block[place::length].translate(values)
        parts = [part * base + digit for part, digit in zip(parts, column, strict=True)]
    return parts


def _text(field: _Field, parts: Sequence[int]) -> bytes:
    """The characters of all parts, one part after the other."""
    base, width = len(field.alphabet), len(field.places)
    form = _FORMATS.get(base)
    if form is None:
        return _text_by_pairs(field, parts)
    text = "".join([form(part, width) for part in parts]).encode("ascii")
    return text.translate(bytes.maketrans(_INT_DIGITS[:base], field.alphabet))


def _text_by_pairs(field: _Field, parts: Sequence[int]) -> bytes:
    """Two columns in each step, from a table of all pairs."""
    pairs, width = _pairs(field.alphabet), len(field.places)
    out: list[list[bytes]] = []
    for _ in range((width + 1) // 2):
        out.append([pairs[part % len(pairs)] for part in parts])
        parts = [part // len(pairs) for part in parts]
    rows = b"".join(chain.from_iterable(zip(*reversed(out), strict=True)))
    if width % 2 == 0:
        return rows
    kept = bytearray(rows)  # an odd width has one column too many, in front
    del kept[:: width + 1]
    return bytes(kept)


@lru_cache(maxsize=len(ALPHABETS))
def _pairs(alphabet: bytes) -> Sequence[bytes]:
    """All pairs of characters, in order: at most 65 * 65."""
    return [bytes(pair) for pair in product(alphabet, repeat=2)]


_FORMATS: Mapping[int, Callable[[int, int], str]] = {
    2: lambda number, width: f"{number:0{width}b}",
    8: lambda number, width: f"{number:0{width}o}",
    10: lambda number, width: f"{number:0{width}d}",
    16: lambda number, width: f"{number:0{width}x}",
}

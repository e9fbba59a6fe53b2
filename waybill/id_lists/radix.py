"""Rung `radix`: ids of fixed width, as the gaps between the numbers that their columns spell.

All ids of one length share a template, which says for each column whether it is constant or which
alphabet it is from. What is left of an id is a number in a mixed radix: 122 bits of a random UUID,
twelve digits of a GTIN-13, whose thirteenth follows from them. The numbers are a set, so they are
sorted, and their gaps coded as in rung `delta`.
"""

from collections.abc import Sequence
from itertools import groupby

from waybill.id_lists.codec import Limits
from waybill.id_lists.cursor import Cursor
from waybill.id_lists.gaps import decode_set, encode_set
from waybill.id_lists.template import Template, may_begin_ids


class Radix:
    """A template and a Rice-coded set of numbers for each length, shortest first."""

    def encode(self, ids: Sequence[str]) -> bytes:
        groups = groupby(sorted(ids, key=len), key=len)  # sorting is stable: order stays in groups
        return b"".join(_encode_group("".join(group).encode("ascii"), n) for n, group in groups)

    def decode(self, body: bytes, limits: Limits) -> list[str]:
        cursor, ids, longest = Cursor(body), list[str](), 0
        while cursor.left:
            if len(ids) >= limits.max_ids:
                raise ValueError("too many ids")
            group = _decode_group(cursor, limits.max_ids - len(ids))
            if len(group[0]) <= longest:
                raise ValueError("lengths out of order")
            longest = len(group[0])
            ids += group
        return ids


def _encode_group(block: bytes, length: int) -> bytes:
    template = Template.of(block, length)
    return template.to_bytes() + encode_set(template.numbers(block))


def _decode_group(cursor: Cursor, max_count: int) -> list[str]:
    template = Template.read(cursor)
    numbers = decode_set(cursor, max_count=max_count, below=template.size)
    length = len(template.columns)
    block = template.block(numbers)
    if Template.of(block, length) != template or not may_begin_ids(block[::length]):
        raise ValueError("a template that these ids do not ask for")
    text = block.decode("ascii")
    return [text[at : at + length] for at in range(0, len(text), length)]

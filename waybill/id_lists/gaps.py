"""A sorted set of numbers as its smallest and the gaps between them, in a Rice code.

R. F. Rice, "Some practical universal noiseless coding techniques" (JPL 79-22, 1979): a gap's low
`k` bits are written as they are, the rest in unary. Here all low parts come first and all unary
parts after them, so that both are taken apart by few calls on long texts instead of bit by bit.

Numbers drawn at random have gaps that are nearly geometric. For those, `k` follows from the mean
alone (A. Kiely, "Selecting the Golomb parameter in Rice coding", IPN 42-159, 2004), so a decoder
can tell in one step that an encoder chose as it must. Each number costs at least one bit: what a
few bytes can unfold into is bounded by the code itself.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

from waybill.id_lists.cursor import Cursor, varint


def encode_set(numbers: Sequence[int]) -> bytes:
    """`numbers`, at least one, not negative and strictly ascending."""
    first, count = numbers[0], len(numbers) - 1
    head = varint(count) + varint(first)
    if not count:
        return head
    gaps = [after - before - 1 for before, after in pairwise(numbers)]
    k = _rice_parameter(count, sum(gaps))
    unary = _pack("".join(["0" * (gap >> k) + "1" for gap in gaps]))
    return b"".join([head, varint(k), varint(len(unary)), _low_parts(gaps, k), unary])


def decode_set(cursor: Cursor, *, max_count: int, below: int) -> list[int]:
    """The numbers, strictly ascending: at most `max_count` of them, all less than `below`.

    Raises:
        ValueError: there are no such numbers here, or not as `encode_set` writes them.
    """
    count = cursor.varint(max_count - 1)
    first = cursor.varint(below - 1)
    if not count:
        return [first]
    k = cursor.varint(below.bit_length())
    unary_size = cursor.varint(_most_unary_bytes(count))
    low = _unpack_low(cursor.take((count * k + 7) // 8), count, k)
    high = _unpack_unary(cursor.take(unary_size), count)
    steps = [(q << k) + r + 1 for q, r in zip(high, low, strict=True)]
    numbers = list(accumulate(steps, initial=first))
    if numbers[-1] >= below:
        raise ValueError("a number over its bound")
    if k != _rice_parameter(count, numbers[-1] - first - count):
        raise ValueError("another parameter than the numbers ask for")
    return numbers


def _rice_parameter(count: int, total: int) -> int:
    """floor(log2(0.9624 mean)), and at least 0; 77/80 in whole numbers."""
    return max((total * 77 // (count * 80)).bit_length() - 1, 0)


def _most_unary_bytes(count: int) -> int:
    """With the right `k` the unary parts are at most 1 + 2 * 80/77 bits each on average."""
    return (count * 25 // 8 + 15) // 8


def _low_parts(gaps: Sequence[int], k: int) -> bytes:
    mask = (1 << k) - 1
    return _pack("".join([format(gap & mask, f"0{k}b") for gap in gaps])) if k else b""


def _pack(bits: str) -> bytes:
    size = (len(bits) + 7) // 8
    return (int(bits, 2) << 8 * size - len(bits)).to_bytes(size, "big")


def _unpack_low(data: bytes, count: int, k: int) -> list[int]:
    """Eight parts fill `k` bytes."""
    if not k:
        return [0] * count
    data += bytes(-len(data) % k)
    mask, shifts = (1 << k) - 1, range(7 * k, -1, -k)
    eights = [int.from_bytes(data[at : at + k], "big") for at in range(0, len(data), k)]
    parts = [eight >> shift & mask for eight in eights for shift in shifts]
    if any(parts[count:]):
        raise ValueError("padding that is not zero")
    return parts[:count]


def _unpack_unary(data: bytes, count: int) -> list[int]:
    *runs, padding = format(int.from_bytes(data, "big"), f"0{8 * len(data)}b").split("1")
    if len(runs) != count or len(padding) > 7:
        raise ValueError("as many gaps as were announced do not fill these bytes")
    return list(map(len, runs))

"""What a rung of the ladder is, and the ids that all of them take."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from operator import lt
from typing import Protocol

MAX_ID_BYTES = 64
ID_CHARACTERS = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""In ASCII's order, so that order of digits is order of texts."""
NOT_FIRST = b"-._"
"""Characters that an id does not begin with."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a decoder accepts. Its time and memory are at most a fixed multiple of these."""

    max_ids: int = 10_000
    """The largest page."""
    max_input_bytes: int = 1024 * 1024
    """A page of the longest ids as a JSON list is 670,000 bytes."""

    @property
    def max_text_bytes(self) -> int:
        """All ids with a separator each."""
        return self.max_ids * (MAX_ID_BYTES + 1)


class Codec(Protocol):
    """One rung. Order is not kept: the ids are a set."""

    def encode(self, ids: Sequence[str]) -> bytes:
        """The body for `ids`, which are valid and strictly ascending."""
        ...

    def decode(self, body: bytes, limits: Limits) -> list[str]:
        """The ids, valid and distinct, in any order.

        Raises:
            ValueError: `body` is over a limit or not what `encode` gives.
        """
        ...


def check_ascending(ids: Sequence[str]) -> None:
    """Return if `ids` are valid, distinct and in order.

    Raises:
        ValueError: they are not.
    """
    if not all(map(_ID.fullmatch, ids)):
        raise ValueError("not an id")
    if not all(map(lt, ids, islice(ids, 1, None))):
        raise ValueError("ids out of order")

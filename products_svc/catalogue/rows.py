"""Rows on their way into the database, with the place that each comes from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

Row_co = TypeVar("Row_co", covariant=True)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Located(Generic[Row_co]):
    """A row and its place, such as `grants.csv:17`."""

    where: str
    row: Row_co


class ImportProblem(Exception):
    """A row cannot be taken in. The text says where, what is wrong, and what to do."""

    def __init__(self, where: str, text: str) -> None:
        super().__init__(f"{where}: {text}")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`items` in lists of `size`, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch

"""What lists are drawn from: catalogues of 100,000 ids, and how much there is to say of a list."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import lgamma, log, log2
from random import Random

from products_svc.catalogue.ids import IdKind, product_ids

CATALOGUE = 100_000
SERIAL = "serial"
"""Not a kind that catalogues are generated of: numbers without gaps, `sku-000000` and so on."""

_ULID_MS = 500 * CATALOGUE
"""How long a generated catalogue takes to be numbered: half a second for each id."""


@dataclass(frozen=True, slots=True)
class Universe:
    """A catalogue, shuffled, so that its first k ids are a random list of k."""

    kind: str
    ids: tuple[str, ...]
    form_bits: Callable[[int], float]
    """Bits of a list of k ids for a reader who knows what ids look like, and no catalogue."""

    def bound_bytes(self, count: int) -> float:
        """Of a list of `count` ids for a reader who has the whole catalogue at hand."""
        return log2_choices(len(self.ids), count) / 8

    def form_bytes(self, count: int) -> float:
        """Of a list of `count` ids for a reader who knows their form only."""
        return self.form_bits(count) / 8


def universes(seed: int) -> Iterator[Universe]:
    """One of each kind, the same ones for the same seed."""
    yield _shuffled(SERIAL, [f"sku-{number:06d}" for number in range(CATALOGUE)], seed)
    for kind in IdKind:
        made = product_ids(kind, CATALOGUE, Random(f"id lists {seed} {kind}"))  # noqa: S311
        yield _shuffled(kind.value, list(made), seed)


def log2_choices(of: float, count: int) -> float:
    """log2 of the binomial coefficient: bits in a choice of `count` among `of`.

    Where there are far more to choose from than are chosen, of^count / count! to the last bit.
    """
    if of > 10**9:
        return count * log2(of) - lgamma(count + 1) / log(2)
    return (lgamma(of + 1) - lgamma(count + 1) - lgamma(of - count + 1)) / log(2)


def _shuffled(kind: str, ids: list[str], seed: int) -> Universe:
    Random(f"order {seed} {kind}").shuffle(ids)  # noqa: S311 - made-up data
    return Universe(kind, tuple(ids), _FORMS[kind])


_FORMS: Mapping[str, Callable[[int], float]] = {
    SERIAL: lambda count: log2_choices(CATALOGUE, count),
    IdKind.SKU: lambda count: log2_choices(24**3 * 10**8, count),
    IdKind.INT: lambda count: log2_choices(9 * 10**6, count),
    IdKind.UUID4: lambda count: log2_choices(2**122, count),
    IdKind.ULID: lambda count: log2_choices(_ULID_MS, count) + 80 * count,
    IdKind.GTIN13: lambda count: log2_choices(10**11, count),
}
"""The ids of each kind that there could be, as `products_svc.catalogue.ids` makes them."""

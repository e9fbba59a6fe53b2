"""Measuring one limit: the ask for each size, the search, and what refusals look like."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from loadtest.limits.asks import PROBE_METHOD, Ask, Outcome
from loadtest.limits.client_process import Prober
from loadtest.limits.entries import spread
from loadtest.limits.records import (
    MANY_ENTRIES,
    TOTAL_ENTRIES,
    Direction,
    Limit,
    Refusal,
    Shape,
)
from loadtest.limits.search import CONFIRMATIONS, Edge, find_edge, find_region

HELD_MS = 50.0
"""Refusals held back longer than this make a region too slow to explore by single calls."""

INNOCENTS = 3

SIZES: dict[Shape, Callable[[int], tuple[int, ...]]] = {
    Shape.SINGLE: lambda size: (size,),
    Shape.TOTAL: lambda size: spread(size, TOTAL_ENTRIES),
    Shape.MANY: lambda size: spread(size, MANY_ENTRIES),
    Shape.COUNT: lambda size: (1,) * size,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One limit to find."""

    direction: Direction
    shape: Shape
    bound: int
    first: bool = False
    huffman: bool = False

    def ask(self, size: int, base: Ask) -> Ask:
        """`base` with this case's header filled."""
        sizes = SIZES[self.shape](size)
        filled = {Direction.REQUEST: "request", Direction.INITIAL: "initial"}
        name = filled.get(self.direction, "trailing")
        return dataclasses.replace(base, first=self.first, **{name: sizes})  # type: ignore[arg-type]


def succeeded(outcome: Outcome) -> bool:
    """Whether the probe service answered OK and nothing was lost."""
    return outcome.passed


@dataclass(slots=True)
class Bench:
    """A client in front of what is measured, and how to judge its outcomes."""

    prober: Prober
    base: Ask = field(default_factory=Ask)
    passed: Callable[[Outcome], bool] = succeeded
    with_innocents: bool = True
    confirmations: int = CONFIRMATIONS
    base_sizes: dict[Direction, tuple[int, int]] = field(default_factory=dict)
    """List size and entries of the probe service's own response headers, as it sends them."""

    def try_one(self, case: Case, size: int, *, innocents: int = 0) -> Outcome:
        """The outcome of one call of `case` at `size`."""
        ask = case.ask(size, self.base)
        return self.prober.run(dataclasses.replace(ask, innocents=innocents))[0]


def measure(bench: Bench, case: Case, *, guess: int | None = None) -> Limit:
    """Find the limit of `case`. `guess` is where it was last time."""

    def passes(size: int) -> bool:
        return bench.passed(bench.try_one(case, size))

    edge = find_edge(passes, case.bound, guess=guess, confirmations=bench.confirmations)
    largest, never_from = edge.largest, None
    if edge.random:
        largest, never_from = _region(bench, case, edge, passes)
    list_bytes, list_entries = _list_size(bench, case, largest)
    return Limit(
        direction=case.direction,
        shape=case.shape,
        first=case.first,
        huffman=case.huffman,
        largest=largest,
        at_least=edge.bounded,
        never_from=never_from,
        reopened=None if edge.random else edge.reopened,
        list_bytes=list_bytes,
        list_entries=list_entries,
        refusals=() if edge.bounded else _refusals(bench, case, never_from or largest + 1),
    )


def _region(bench: Bench, case: Case, edge: Edge, passes: Callable[[int], bool]) -> tuple[int, int]:
    if bench.try_one(case, case.bound).held_ms > HELD_MS:
        return edge.largest, edge.largest + 1
    region = find_region(passes, edge.largest, case.bound)
    return region.always, region.never


def _refusals(bench: Bench, case: Case, smallest: int) -> tuple[Refusal, ...]:
    """Just above the limit, and far above: hops often answer the two differently."""
    far = min(4 * smallest, case.bound)
    sizes = (smallest, far) if case.shape is Shape.SINGLE and far > smallest else (smallest,)
    lost = INNOCENTS if bench.with_innocents and case.shape is not Shape.COUNT else 0
    return tuple(
        Refusal.of(size, bench.try_one(case, size, innocents=lost if not case.first else 0))
        for size in sizes
    )


def _list_size(bench: Bench, case: Case, size: int) -> tuple[int, int]:
    """Header list size and entries, as sent by whoever fills the header."""
    sizes = SIZES[case.shape](max(size, 0))
    filled = sum(sizes) + len(sizes) * ENTRY_BYTES
    if case.direction is Direction.REQUEST:
        outcome = bench.try_one(case, 0)
        empty = SIZES[case.shape](0)
        if not outcome.request_entries:
            return 0, 0
        spare = sum(empty) + len(empty) * ENTRY_BYTES
        own, own_entries = outcome.request_bytes - spare, outcome.request_entries - len(empty)
    elif case.direction in bench.base_sizes:
        own, own_entries = bench.base_sizes[case.direction]
    else:
        return 0, 0
    return own + filled, own_entries + len(sizes)


ENTRY_BYTES = 21 + 32
"""Name of a probe's entry, and what HTTP/2 counts for an entry."""


__all__ = ["PROBE_METHOD", "Bench", "Case", "measure", "succeeded"]

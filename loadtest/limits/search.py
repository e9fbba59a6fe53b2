"""Finding a limit to the byte, by bisection that notices when chance is at work."""

from collections.abc import Callable
from dataclasses import dataclass

CONFIRMATIONS = 16
"""Tries on each side of the edge; enough to notice a region where one call in ten differs."""


@dataclass(frozen=True, slots=True)
class Edge:
    """Where passing ends: `largest` passed, one more was refused.

    `largest` is -1 if nothing passed, and the bound of the search if everything did
    (`bounded`). With `random`, both sides of the edge answered now this way, now that.
    `reopened` is a size above the edge that passed again, for a limit that is no threshold.
    """

    largest: int
    bounded: bool = False
    random: bool = False
    reopened: int | None = None


def find_edge(
    passes: Callable[[int], bool],
    bound: int,
    *,
    guess: int | None = None,
    confirmations: int = CONFIRMATIONS,
) -> Edge:
    """The largest size up to `bound` that passes, given that sizes below it pass and above do not.

    `guess` is where the edge was last time: if it still is there, few calls are needed.
    `confirmations` is how often both of its sides are tried.
    """
    largest = _edge_at_guess(passes, bound, guess)
    if largest is None:
        if passes(bound):
            return Edge(bound, bounded=True)
        if not passes(0):
            return Edge(-1)
        largest = _bisect(passes, 0, bound)
    steady = all(passes(largest) and not passes(largest + 1) for _ in range(confirmations - 1))
    return Edge(largest, random=not steady, reopened=_reopened(passes, largest, bound))


def _bisect(passes: Callable[[int], bool], passing: int, refused: int) -> int:
    while refused - passing > 1:
        middle = (passing + refused) // 2
        if passes(middle):
            passing = middle
        else:
            refused = middle
    return passing


def _edge_at_guess(passes: Callable[[int], bool], bound: int, guess: int | None) -> int | None:
    if guess is None or not 0 <= guess < bound:
        return None
    return guess if passes(guess) and not passes(guess + 1) else None


def _reopened(passes: Callable[[int], bool], largest: int, bound: int) -> int | None:
    """The first of a few larger sizes that passes, if any."""
    sizes = (largest + (bound - largest) * part // 8 for part in (1, 2, 4))
    return next((size for size in sizes if size > largest + 1 and passes(size)), None)


REGION_TRIES = 10


@dataclass(frozen=True, slots=True)
class Region:
    """Up to `always` every try passed; from `never` on every try was refused."""

    always: int
    never: int


def find_region(passes: Callable[[int], bool], edge: int, bound: int) -> Region:
    """The borders of the region around `edge` in which chance decides; estimates, not bytes."""

    def all_pass(size: int) -> bool:
        return all(passes(size) for _ in range(REGION_TRIES))

    def some_pass(size: int) -> bool:
        return any(passes(size) for _ in range(REGION_TRIES))

    always = _bisect(all_pass, 0, edge + 1)
    never = _bisect(some_pass, edge, bound) + 1
    step = 1
    while always > 0 and not (all_pass(always) and all_pass(always)):
        always, step = max(0, always - step), step * 2
    return Region(always, never)

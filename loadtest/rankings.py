"""What two runs say of the same order: whether they rank the strategies alike."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from loadtest.ranking import contradicting, names
from loadtest.report.journeys import BASIS
from loadtest.report.points import Findings, Point
from loadtest.results import Cell, Experiment, Run

Block: TypeAlias = tuple[Experiment, Cell, float, int]
"""What strategies are ranked within: experiment, the cell without its row, rate and customers."""
Ranking: TypeAlias = Mapping[str, int]


@dataclass(frozen=True)
class Pair:
    """One ranking in two runs, of the strategies that both have ranked."""

    before: Ranking
    after: Ranking

    @property
    def equal(self) -> bool:
        """Whether both have the same order, and tell the same apart."""
        return self.before == self.after

    @cached_property
    def reversed(self) -> list[tuple[str, str]]:
        """Who was cheaper than whom, and is dearer now."""
        return contradicting(self.before, self.after)


@dataclass(frozen=True)
class Rankings:
    """All rankings that two runs share; `main` is the one that the report leads with."""

    basis: str
    main: Pair | None
    others: tuple[Pair, ...]

    @property
    def reversed(self) -> bool:
        """Whether any two strategies have changed places."""
        return any(pair.reversed for pair in (*([self.main] if self.main else []), *self.others))

    def lines(self) -> Iterator[str]:
        """What to say of them."""
        if self.main is None:
            yield "The runs have no ranking in common."
        elif self.main.equal:
            yield f"Ranked alike by {self.basis}: {names(self.main.before)}."
        else:
            yield f"Ranked by {self.basis}: A: {names(self.main.before)}."
            yield f"B: {names(self.main.after)}."
            yield _difference(self.main)
        if self.others:
            alike = sum(pair.equal for pair in self.others)
            against = sum(bool(pair.reversed) for pair in self.others)
            yield (
                f"Of {len(self.others)} rankings of single parts {alike} are equal, {against} have "
                "strategies in reversed order, and the others tell more apart in one of the runs."
            )


def _difference(pair: Pair) -> str:
    if not pair.reversed:
        return "No two strategies are in reversed order: one run tells more of them apart."
    swapped = ", ".join(f"{one} and {other}" for one, other in pair.reversed)
    return f"In reversed order: {swapped}."


def rankings(a: Run, b: Run) -> Rankings:
    """Compare the rankings of two runs."""
    before, after = Findings.of(a), Findings.of(b)
    first, second = _by_block(before), _by_block(after)
    pairs = {block: _pair(first[block], second[block]) for block in first if block in second}
    main = _block(before.ranked[0]) if before.ranked else None
    others = tuple(pair for block, pair in pairs.items() if block != main)
    experiment = before.ranked[0].experiment if before.ranked else Experiment.JOURNEY
    return Rankings(BASIS[experiment], pairs.get(main) if main else None, others)


def _by_block(findings: Findings) -> dict[Block, Ranking]:
    found: defaultdict[Block, dict[str, int]] = defaultdict(dict)
    for point in findings.points:
        if point.row.rank is not None:
            found[_block(point)][point.cell.row] = point.row.rank
    return {block: ranking for block, ranking in found.items() if len(ranking) > 1}


def _block(point: Point) -> Block:
    bare = point.cell.model_copy(update={"row": ""})
    return point.experiment, bare, point.load.rate_per_s, point.load.users


def _pair(before: Ranking, after: Ranking) -> Pair:
    both = before.keys() & after.keys()
    return Pair(*({name: ranking[name] for name in both} for ranking in (before, after)))

"""At which size a strategy stops working."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.report.points import Findings, Point, of_row
from loadtest.results import Experiment, Method

NOISE = 0.01
"""A smaller share of refused calls is not yet a break."""
_ALL = 0.99


@dataclass(frozen=True, slots=True)
class Breaking:
    """What happened to calls as the ids that they carry grew."""

    served_to: int | None
    """The largest number of ids below all refusals."""
    refused_from: int | None
    """The smallest number of ids of which calls were refused."""
    all_refused_from: int | None
    code: str = ""
    """The gRPC code of most refusals."""

    def __str__(self) -> str:
        if self.refused_from is None:
            return f"not up to {self.served_to:,}" if self.served_to else "–"  # noqa: RUF001
        if self.all_refused_from is None:
            return f"some from {self.refused_from:,}"
        if self.refused_from < self.all_refused_from:
            return f"some from {self.refused_from:,}, all from {self.all_refused_from:,}"
        if self.served_to is None:
            return f"at {self.refused_from:,}"
        return f"over {self.served_to:,}, by {self.refused_from:,}"


def breaking(findings: Findings, row: str) -> Breaking:
    """How `row` took growing lists, by the cost and the cliff experiments together."""
    points = [
        *findings.usual(Experiment.COST, Method.VALIDATE, Method.PLACE),
        *findings.usual(Experiment.CLIFF),
    ]
    return _breaking(of_row(row, points))


def _breaking(points: Iterable[Point]) -> Breaking:
    ok: Counter[int] = Counter()
    refused: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for point in points:
        ok[point.cell.ids] += point.row.ok
        refused[point.cell.ids].update(point.row.refused)
    shares = {
        ids: refused[ids].total() / answered
        for ids in sorted(ok)
        if (answered := ok[ids] + refused[ids].total())
    }
    first = next((ids for ids, share in shares.items() if share > NOISE), None)
    whole = [ids for ids in shares if first is None or ids < first]
    codes = sum(refused.values(), Counter[str]())
    return Breaking(
        served_to=max(whole, default=None),
        refused_from=first,
        all_refused_from=next((ids for ids, share in shares.items() if share >= _ALL), None),
        code=codes.most_common(1)[0][0] if codes else "",
    )

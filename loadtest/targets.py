"""What the project promises of its own cost, checked against a run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from loadtest.results import Cell, Experiment, Method
from loadtest.summary import Row
from waybill.strategy import Strategy

TARGET_IDS = 100
MAX_RATIO = {
    Strategy.REPLICA: 1.5,
    Strategy.DIRECT_CALL: 1.5,
    Strategy.METADATA_JWT: 1.7,
    Strategy.MESSAGE_FIELD: 1.7,
    Strategy.PAGE_PROOF: 1.7,
    Strategy.REFERENCE: 1.7,
}
"""Most CPU time of a checked order, over a bare health check in the same run, caches warm."""


@dataclass(frozen=True, slots=True)
class Target:
    """One promise and what was measured."""

    row: str
    ratio: float
    most: float

    @property
    def met(self) -> bool:
        """Whether the promise was kept."""
        return self.ratio <= self.most

    def __str__(self) -> str:
        verdict = "met" if self.met else "missed"
        return f"Target {verdict}: {self.row} costs {self.ratio:.2f} floors, at most {self.most}"


def judge_targets(rows: Iterable[Row]) -> Iterator[Target]:
    """The promises that `rows` can answer."""
    cost = (row for row in rows if row.experiment is Experiment.COST)
    ratios = {row.cell: row.ratio.median for row in cost if row.ratio}
    for strategy, most in MAX_RATIO.items():
        cell = Cell(row=strategy.value, ids=TARGET_IDS, method=Method.VALIDATE)
        if cell in ratios:
            yield Target(strategy.value, ratios[cell], most)

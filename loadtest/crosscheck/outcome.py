"""What the checks came to, as a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure, by us and by a foreign tool, median of rounds."""

    figure: str
    ours: float
    tool: str
    theirs: float
    bound: float
    """Largest difference that is fine, as a share of the tool's figure."""

    @property
    def difference(self) -> float:
        """Ours beside theirs, as a share of theirs."""
        return self.ours / self.theirs - 1

    @property
    def agrees(self) -> bool:
        """Whether the difference is within its bound."""
        return abs(self.difference) <= self.bound


def of_rounds(
    figure: str, ours: Sequence[float], tool: str, theirs: Sequence[float], bound: float
) -> Outcome:
    """The outcome of several rounds."""
    return Outcome(figure, median(ours), tool, median(theirs), bound)


def markdown(outcomes: Iterable[Outcome]) -> str:
    """The table."""
    lines = [
        "| Figure | Waybill's lab | Foreign tool | | Difference | At most |",
        "|---|---:|---|---:|---:|---:|",
    ]
    for each in outcomes:
        mark = "" if each.agrees else " **no**"
        lines.append(
            f"| {each.figure} | {each.ours:,.1f} | {each.tool} | {each.theirs:,.1f} "
            f"| {each.difference:+.1%}{mark} | {each.bound:.0%} |"
        )
    return "\n".join(lines) + "\n"

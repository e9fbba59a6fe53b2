"""What the lab saw: every change and every order, by one monotonic clock."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from loadtest.change.lanes import Lane
from loadtest.change.oracle import Commit, Decision, Key


class Purpose(StrEnum):
    """Why an order was sent."""

    FLOW = "flow"
    """As part of a steady stream."""
    CHASE = "chase"
    """To see how soon a change is noticed; too often to stand for what customers do."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order's outcome. `answer` is the code and reason of a refusal, empty where accepted."""

    lane: Lane
    decision: Decision
    purpose: Purpose
    answer: str


@dataclass(slots=True)
class History:
    """Grows while an experiment runs. Belongs to one event loop."""

    commits: list[Commit] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    lists_failed: Counter[str] = field(default_factory=Counter)
    late_s: list[float] = field(default_factory=list)
    """How much later than intended each order of the flow was sent."""

    def commits_by_key(self) -> Mapping[Key, Sequence[Commit]]:
        """Changes in order."""
        found: defaultdict[Key, list[Commit]] = defaultdict(list)
        for commit in self.commits:
            found[commit.key].append(commit)
        return found

"""Calls over time. Pure; times in seconds since the Unix epoch."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from loadtest.change.crowd.values import Outcome
from loadtest.values import Value


class Timeline(Value):
    """Calls by when they were due, in steps."""

    bucket_s: float
    """Length of a step."""
    served: tuple[int, ...]
    """Orders accepted, by step."""
    refused: dict[str, tuple[int, ...]]
    """Calls refused, by code and reason, and by step."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one time to another, the latter not included."""

    begin: float
    end: float

    def __contains__(self, at: float) -> bool:
        return self.begin <= at < self.end


def timeline(outcomes: Iterable[Outcome], span: Span, bucket_s: float) -> Timeline:
    """Count `outcomes` by step; every one that is due within `span` is in exactly one."""
    steps = max(1, math.ceil((span.end - span.begin) / bucket_s))
    served, refused = [0] * steps, dict[str, list[int]]()
    for each in outcomes:
        if each.at in span:
            step = min(int((each.at - span.begin) / bucket_s), steps - 1)
            row = served if each.served else refused.setdefault(each.text, [0] * steps)
            row[step] += 1
    ordered = {text: tuple(refused[text]) for text in sorted(refused)}
    return Timeline(bucket_s=bucket_s, served=tuple(served), refused=ordered)


def refusals(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many were refused, by code and reason; the most frequent first."""
    return dict(Counter(each.text for each in outcomes if not each.served).most_common())

"""Whether limits are where `mesh/limits.json` says: an upgrade can move them silently."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.known import HeaderLimits, KnownLimits

RANDOM_TOLERANCE = 0.05
"""Estimates, where chance or timing decides, may differ by this share."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One limit that is elsewhere than it was. None means that it was not measured then or now."""

    subject: str
    edge: str
    before: int | None
    after: int | None
    version_before: str
    version_after: str

    def __str__(self) -> str:
        versions = self.version_before
        if self.version_before != self.version_after:
            versions = f"{self.version_before} → {self.version_after}"
        return (
            f"{self.subject} ({versions}): {self.edge} {_shown(self.before)} → {_shown(self.after)}"
        )


def moved(before: Mapping[str, KnownLimits], after: Mapping[str, KnownLimits]) -> Iterator[Moved]:
    """The limits of `after` that differ from `before`, for the subjects that are in both."""
    for subject, now in after.items():
        then = before.get(subject)
        if then is None:
            continue
        for edge, old, new in _pairs(then, now):
            if not _same(old, new, estimated=edge in (*then.random, *now.random)):
                yield Moved(subject, edge, old, new, then.version, now.version)


def _pairs(then: KnownLimits, now: KnownLimits) -> Iterator[tuple[str, int | None, int | None]]:
    """Edges that were measured now, and the totals of regions where chance decides."""
    for edge in sorted(now.edges.keys() & then.edges.keys()):
        yield edge, then.edges[edge], now.edges[edge]
    for direction, limits in now.directions.items():
        old = then.directions.get(direction, HeaderLimits())
        if limits.refused_above is not None and not _has_edges(now, direction):
            yield f"{direction} soft limit", old.total_bytes, limits.total_bytes
            yield f"{direction} hard limit", old.refused_above, limits.refused_above


def _has_edges(known: KnownLimits, direction: str) -> bool:
    return f"{direction} total" in known.edges


def _same(old: int | None, new: int | None, *, estimated: bool) -> bool:
    if old is None or new is None or not estimated:
        return old == new
    return abs(old - new) <= RANDOM_TOLERANCE * max(abs(old), abs(new))


def _shown(value: int | None) -> str:
    if value is None:
        return "unknown"
    return "none found" if value < 0 else f"{value:,}"

"""The limits that were measured, as `mesh/limits.json` keeps them, and whether a header fits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LIMITS_FILE = Path(__file__).parent / "limits.json"
DIRECTIONS = ("request", "initial", "trailing")


@dataclass(frozen=True, slots=True)
class HeaderLimits:
    """What one side lets through in one direction. None is a limit that was not found.

    A header fits if name, value and `entry_bytes` summed over all entries are at most
    `total_bytes`, each value at most `value_bytes`, and the entries at most `entries`. Pseudo
    headers count as entries.
    """

    total_bytes: int | None = None
    entry_bytes: int = 0
    value_bytes: int | None = None
    entries: int | None = None
    refused_above: int | None = None
    """Where chance decides: up to `total_bytes` all passes, above this nothing does."""

    def allows(self, header: Sequence[tuple[str, str]]) -> bool:
        """Whether a whole header, pseudo headers included, passes for certain."""
        size = sum(len(name) + len(value) + self.entry_bytes for name, value in header)
        longest = max((len(value) for _, value in header), default=0)
        bounds = (
            (size, self.total_bytes),
            (longest, self.value_bytes),
            (len(header), self.entries),
        )
        return all(limit is None or found <= limit for found, limit in bounds)


@dataclass(frozen=True, slots=True)
class KnownLimits:
    """What is known of one subject: a hop, a server, a client, or a path of hops."""

    version: str
    role: str
    directions: Mapping[str, HeaderLimits]
    edges: Mapping[str, int] = field(default_factory=dict)
    """The thresholds as measured, by direction, shape and manner; -1 where none was found."""
    random: tuple[str, ...] = ()
    """The edges at which chance or timing decides; they are estimates."""


@dataclass(frozen=True, slots=True)
class LimitsFile:
    """All that was measured, and in which run."""

    measured_at: str
    platform: str
    subjects: Mapping[str, KnownLimits]

    def to_text(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str) -> "LimitsFile":
        """Read what `to_text` made.

        Raises:
            ValueError: it is not such a file.
        """
        try:
            found = json.loads(text)
            subjects = {name: _known(entry) for name, entry in found["subjects"].items()}
            return cls(found["measured_at"], found["platform"], subjects)
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError(f"not a file of limits: {problem!r}") from problem


def _known(entry: dict[str, Any]) -> KnownLimits:
    directions = {name: HeaderLimits(**limits) for name, limits in entry["directions"].items()}
    return KnownLimits(
        version=entry["version"],
        role=entry["role"],
        directions=directions,
        edges=entry["edges"],
        random=tuple(entry["random"]),
    )

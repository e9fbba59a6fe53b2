"""What was measured of one replica, and of several."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from loadtest.results import Machine


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Lag(_Value):
    """How far the copy was behind while changes came at one rate."""

    rate_per_s: int
    changes: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_share: float
    """Of one CPU, that the follower used meanwhile."""


class Replica(_Value):
    """One copy: made from a snapshot, then kept up to date."""

    grants: int
    bootstrap_s: float
    """From the first byte of the snapshot until a reader could use the copy."""
    bootstrap_cpu_s: float
    """CPU time of the follower in that."""
    file_bytes: int
    """Of the copy on disk, as blocks that are used."""
    resident_bytes: int
    """Of the follower after it; pages of the file that it has touched are in it."""
    burst_changes: int
    burst_s: float
    burst_cpu_s: float
    lags: tuple[Lag, ...]

    @property
    def bytes_per_grant(self) -> float:
        """On disk."""
        return self.file_bytes / self.grants

    @property
    def changes_per_s(self) -> float:
        """Applied, as fast as they came."""
        return self.burst_changes / self.burst_s


class Scale(_Value):
    """All replicas of one run, in the order in which they were measured: round by round."""

    format: Literal["waybill-scale/1"] = "waybill-scale/1"
    begun: str
    commit: str
    machine: Machine
    replicas: tuple[Replica, ...]

    def save(self, path: Path) -> None:
        """Write the record; the folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def load_scale(path: Path) -> Scale:
    """Read what `Scale.save` wrote.

    Raises:
        OSError, pydantic.ValidationError: there is no such record.
    """
    return Scale.model_validate_json(path.read_text(encoding="utf-8"))

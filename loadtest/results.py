"""The record of one comparison: what was run, on what, and what came out. Values only."""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from loadtest.recorder import Observed

FLOOR = "floor"
"""The row that does none of our work: a bare health check against the orders process."""

MAX_LAG_US = 10_000
"""Send lag at the 95th percentile above which a generator could not keep its schedule."""
MIN_ACHIEVED = 0.95
"""Share of the intended calls below which a generator could not keep its rate."""


class Method(StrEnum):
    """What a cell calls."""

    VALIDATE = "PlaceOrder(validate_only)"
    PLACE = "PlaceOrder"
    HEALTH = "Health/Check"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cell(_Value):
    """One point of the comparison: `row` is a strategy's wire name or `FLOOR`."""

    row: str
    ids: int
    """Ids in the state that the caller carries or could: the user's whole list on one page."""
    method: Method


class Load(_Value):
    """How a cell is driven."""

    rate_per_s: float
    duration_s: float
    warm_up_s: float
    users: int
    """Independent customers, each with its own channel and its share of the rate."""
    max_in_flight: int
    """Calls that one customer may have open; an arrival beyond them is dropped and counted."""
    timeout_s: float = 5.0
    favourites: int = 10
    """Products of its list that a customer orders from, so that a cache of answers can be warm."""


class RequestBytes(_Value):
    """One request as sent, before compression.

    `metadata` counts as HTTP/2 counts a header list (RFC 9113, section 6.5.2): key, value and 32
    for each entry that the client adds; gRPC's own entries, which all calls share, are left out.
    """

    metadata: int
    message: int

    @property
    def total(self) -> int:
        """Metadata and message together."""
        return self.metadata + self.message


class Measured(_Value):
    """What a generator reports of one cell. CPU in seconds, over the measured phase."""

    observed: Observed
    cpu_s: dict[str, float]
    """By service: "orders" and "products"."""
    generator_cpu_s: float
    elapsed_s: float
    """From before the first call to after the last answer."""
    request: RequestBytes


class Sample(_Value):
    """One cell in one round."""

    cell: Cell
    round: int
    load: Load
    measured: Measured
    saturated: bool
    """The generator could not keep its schedule: the figures say more of it than of the cell."""

    def cpu_us(self, service: str) -> float | None:
        """CPU time of `service` for each answered call, in microseconds."""
        answered = self.measured.observed.answered
        return self.measured.cpu_s[service] / answered * 1e6 if answered else None


class Machine(_Value):
    """Where it ran."""

    cpu: str
    cpus: int
    platform: str
    python: str


class Head(_Value):
    """What was compared, and what a reader needs to judge or repeat it."""

    run_id: str
    begun: str
    """ISO 8601, UTC."""
    profile: str
    seed: int
    commit: str
    """Git commit; "+changes" is added where the work tree differs from it."""
    versions: dict[str, str]
    machine: Machine
    settings: dict[str, str]
    """Settings of the services that differ from their defaults."""


class Run(_Value):
    """One comparison. `complete` is false where it was stopped early."""

    format: Literal["waybill-compare/1"] = "waybill-compare/1"
    head: Head
    complete: bool
    samples: tuple[Sample, ...]

    def save(self, folder: Path) -> Path:
        """Write `results.json` into `folder`, which is made, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "results.json"
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


def load_run(path: Path) -> Run:
    """Read what `Run.save` wrote.

    Raises:
        pydantic.ValidationError: the file is no such record.
    """
    return Run.model_validate_json(path.read_text(encoding="utf-8"))

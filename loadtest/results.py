"""The record of one comparison: what was run, on what, and what came out. Values only."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field

from loadtest.change.record import UnderChange
from loadtest.recorder import Observed
from loadtest.values import Value

FLOOR = "floor"
"""The row that does none of our work: a bare health check against the orders process."""

DIRECT = "direct"
"""Nothing stands between the client and the services."""

MAX_LAG_US = 10_000
"""Send lag at the 95th percentile above which a generator could not keep its schedule."""
MIN_ACHIEVED = 0.95
"""Share of the intended calls below which a generator could not keep its rate."""


class Method(StrEnum):
    """What a cell calls."""

    VALIDATE = "PlaceOrder(validate_only)"
    PLACE = "PlaceOrder"
    LIST = "ListProducts"
    HEALTH = "Health/Check"


class Experiment(StrEnum):
    """What a sample is part of."""

    JOURNEY = "journey"
    """A page is listed anew after every few orders: issuing and checking in one figure."""
    COST = "cost"
    """At one fixed rate: what a call costs, and how long it takes."""
    COLD = "cold"
    """As cost with nothing remembered: each call shows state that was never seen before."""
    ISSUE = "issue"
    """Listing, and so issuing: what the other side of carried state costs."""
    SATURATION = "saturation"
    """Rising rates, up to where the service no longer keeps up."""
    CLIFF = "cliff"
    """Rising sizes at a low rate: which share of calls is refused."""


class Warmth(StrEnum):
    """Whether the service has seen the state before."""

    WARM = "warm"
    COLD = "cold"


class Cell(Value):
    """One point of the comparison: `row` is a strategy's wire name or `FLOOR`."""

    row: str
    """A strategy's wire name, or "floor"."""
    ids: int
    """Ids in the state that the caller carries or could: the page size."""
    method: Method
    """What is called."""
    grants: int = 0
    """Grants that the user has; 0 is as many as `ids`: the whole list on one page."""
    id_kind: str = "sku"
    """What product ids look like: sku, int, uuid4, ulid or gtin13."""
    warmth: Warmth = Warmth.WARM
    """Whether the service has seen the state before."""
    orders_per_list: int = 0
    """How often one listed state is used before it is listed anew; 0: for the whole run."""
    workers: int = 1
    """Processes of the orders service."""
    algorithm: str = "EdDSA"
    """Of the keys that carried state is signed with."""
    via: str = DIRECT
    """What stands between the client and both services: "direct", "mesh", or hops by name."""

    @property
    def fresh(self) -> bool:
        """Whether its orders need new pages as they go on."""
        return self.warmth is Warmth.COLD or self.orders_per_list > 0


class Load(Value):
    """How a cell is driven."""

    rate_per_s: float
    """Intended calls a second, of all customers together."""
    duration_s: float
    """Length of the measured phase."""
    warm_up_s: float
    """Length of the phase before it, which is thrown away."""
    users: int
    """Independent customers, each with its own channel and its share of the rate."""
    max_in_flight: int
    """Calls that one customer may have open; an arrival beyond them is dropped and counted."""
    timeout_s: float = 5.0
    """Deadline of each call."""
    favourites: int = 10
    """Products of its list that a customer orders from, so that a cache of answers can be warm."""


class RequestBytes(Value):
    """One request as sent, before compression.

    `metadata` counts as HTTP/2 counts a header list (RFC 9113, section 6.5.2): key, value and 32
    for each entry that the client adds; gRPC's own entries, which all calls share, are left out.
    """

    metadata: int
    """Bytes of the metadata that the client adds."""
    message: int
    """Bytes of the serialised message."""

    @property
    def total(self) -> int:
        """Metadata and message together."""
        return self.metadata + self.message


class WireBytes(Value):
    """Bytes of the TCP streams between client and called service, over the measured phase.

    With HTTP/2 framing and HPACK as they really were; without TCP and IP headers.
    """

    up: int
    """From client to service."""
    down: int
    """From service to client."""


class Measured(Value):
    """What a generator reports of one cell. CPU in seconds, over the measured phase."""

    observed: Observed
    cpu_s: dict[str, float]
    """By service: "orders", "products", "store" (of references), "path" (all proxies in between);
    empty where they run elsewhere."""
    generator_cpu_s: float
    """Of the load generator itself."""
    elapsed_s: float
    """From before the first call to after the last answer."""
    request: RequestBytes
    wire: WireBytes | None = None
    """None where it was not counted."""
    memory_bytes: dict[str, int] = Field({})
    """Resident memory by service at the end of the phase."""


class Sample(Value):
    """One cell in one round."""

    cell: Cell
    experiment: Experiment = Experiment.COST
    round: int
    """From 0; a round visits every cell."""
    load: Load
    measured: Measured
    saturated: bool
    """The generator could not keep its schedule: the figures say more of it than of the cell."""

    def cpu_us(self, service: str) -> float | None:
        """CPU time of `service` for each answered call, in microseconds; None if not known."""
        answered = self.measured.observed.answered
        used_s = self.measured.cpu_s.get(service)
        return used_s / answered * 1e6 if answered and used_s is not None else None


class Machine(Value):
    """Where it ran."""

    cpu: str
    """The processor's name."""
    cpus: int
    """Logical processors."""
    platform: str
    """Operating system and C library."""
    python: str
    """Version of the interpreter."""


class Head(Value):
    """What was compared, and what a reader needs to judge or repeat it."""

    run_id: str
    """The folder's name: when it began, and four digits by chance."""
    begun: str
    """ISO 8601, UTC."""
    profile: str
    """Which set of cells was run."""
    seed: int
    """Of arrivals, products and order."""
    commit: str
    """Git commit; "+changes" is added where the work tree differs from it."""
    versions: dict[str, str]
    """Of the packages that the figures depend on most."""
    machine: Machine
    settings: dict[str, str]
    """Settings of the services that differ from their defaults."""
    via: str = DIRECT
    """What calls pass through between client and services; several with commas."""
    affinity: dict[str, str] = Field({})
    """CPUs that processes were kept on: "orders", "generator", "others"; empty where on none."""


class Failure(Value):
    """One cell in one round that could not be measured; the others go on."""

    cell: Cell
    experiment: Experiment
    round: int
    """From 0."""
    rate_per_s: float
    """The first of its rates."""
    reason: str
    """What went wrong, for people."""


class Run(Value):
    """One comparison. `complete` is false where it was stopped early."""

    format: Literal["waybill-compare/3"] = "waybill-compare/3"
    head: Head
    complete: bool
    """False where the run was stopped early."""
    samples: tuple[Sample, ...]
    """In the order in which they were taken."""
    failures: tuple[Failure, ...] = ()
    """Cells that are missing, each with the reason."""
    under_change: UnderChange = UnderChange()
    """What changing rights, services, versions and keys did to orders."""

    @property
    def empty(self) -> bool:
        """Whether nothing was measured."""
        return not self.samples and self.under_change.empty

    def save(self, folder: Path) -> Path:
        """Write `results.json` into `folder`, which is made, and return its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "results.json"
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path


OLDER = frozenset({"waybill-compare/2"})
"""Formats whose records have nothing that this one lacks."""


def load_run(path: Path) -> Run:
    """Read what `Run.save` wrote, also of an older format.

    Raises:
        ValueError: the file is no such record; `pydantic.ValidationError` is one.
    """
    values = json.loads(path.read_bytes())
    if isinstance(values, dict) and values.get("format") in OLDER:
        values["format"] = Run.model_fields["format"].default
    # As JSON again: its rules differ from those for values of Python, of tuples for one.
    return Run.model_validate_json(json.dumps(values))

"""What a load generator must know of the running services, as one value that crosses processes."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from loadtest.results import Cell, Load


def subject(ids: int, customer: int) -> str:
    """The user who may order exactly `ids` products; `customer` tells several such users apart."""
    return f"load-{ids}-{customer}"


class World(BaseModel):
    """Where the services are, who runs them, and the credentials of the lab's customers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    orders_target: str
    products_target: str
    pids: Mapping[str, tuple[int, ...]]
    """Processes by service: "orders" and "products"."""
    customers: int
    """How many customers there are for each number of ids."""
    tokens: Mapping[str, str]
    """User JWT by subject; a secret of the lab's own throw-away issuer."""


class Job(BaseModel):
    """One cell to drive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Cell
    load: Load
    seed: str
    """The same seed gives the same arrivals and the same orders."""

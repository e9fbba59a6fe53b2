"""What a load generator must know of the running services, as one value that crosses processes."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from loadtest.results import Cell, Load

ANYBODY = "anybody"
"""The holding of a deployment whose users' grants are not known."""


def holding(cell: Cell) -> str:
    """Names what a customer of `cell` may order: how many products, with which ids."""
    return f"{cell.id_kind}-{cell.grants or cell.ids}"


class World(BaseModel):
    """Where the services are, who runs them, and the credentials of the customers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    orders_target: str
    products_target: str
    pids: Mapping[str, tuple[int, ...]]
    """Processes by service: "orders", "products", "store"; empty where they run elsewhere."""
    families: Mapping[str, int] = {}
    """Servers whose processes come and go, such as "database": the first of each."""
    customers: Mapping[str, tuple[str, ...]]
    """User JWTs by holding; secrets."""

    def tokens(self, cell: Cell) -> tuple[str, ...]:
        """The customers who can take part in `cell`.

        Raises:
            ValueError: there is none.
        """
        tokens = self.customers.get(holding(cell)) or self.customers.get(ANYBODY)
        if not tokens:
            raise ValueError(f"there is no customer with {cell.grants or cell.ids:,} grants")
        return tokens


class Job(BaseModel):
    """One cell to drive."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cell: Cell
    load: Load
    seed: str
    """The same seed gives the same arrivals and the same orders."""

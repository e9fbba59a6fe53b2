"""What a crowd is told, and what it tells. Values that cross processes."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from enum import StrEnum
from pathlib import Path

from loadtest.values import Value
from waybill.strategy import Strategy

OK = "OK"
"""The text of an order that was accepted."""
LIST = "list "
"""What the text of a listing that was refused begins with."""


class Kind(StrEnum):
    """Who orders."""

    RETURNING = "returning"
    """Has listed before, and orders with what that brought."""
    NEW = "new"
    """Lists first, and then orders: all of it counts as one call."""
    STRANGER = "stranger"
    """Was never granted anything, and shows what somebody else has listed."""
    FORGER = "forger"
    """Shows what a customer has listed, or that customer's token, under the name of a key that
    nobody has ever had: another one each time."""


class Job(Value):
    """What the customers of each strategy do."""

    orders_target: str
    """As gRPC has it; several instances as `ipv4:host:port,host:port`."""
    products_target: str
    strategies: tuple[Strategy, ...]
    tokens: tuple[str, ...]
    """Of the customers, who all have grants; secrets."""
    stranger_token: str
    """Of somebody who has none."""
    rates_per_s: dict[Kind, float]
    """Calls a second of one strategy, by who makes them."""
    page_size: int = 20
    """Products that a customer lists, and orders one of at a time."""
    list_again_s: float | None = None
    """After how long a returning customer lists anew; None: only when a refusal advises it."""
    timeout_s: float = 2.0
    """Deadline of each call, retries included."""
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call that a customer wanted. Times in seconds."""

    strategy: str
    kind: str
    at: float
    """When it was due, since the Unix epoch."""
    late_s: float
    """How much later the customer really made it."""
    took_s: float
    """From when it was due to its answer."""
    text: str
    """`OK`, or the code and the reason of the refusal, after `list ` where listing failed."""

    @property
    def ordered(self) -> bool:
        """Whether it came as far as ordering."""
        return not self.text.startswith(LIST)

    @property
    def served(self) -> bool:
        """Whether the order was accepted."""
        return self.text == OK


def save(outcomes: Iterable[Outcome], path: Path) -> None:
    """Write one line of JSON for each."""
    path.write_text(
        "".join(f"{json.dumps(astuple(each))}\n" for each in outcomes), encoding="utf-8"
    )


def load(path: Path) -> Iterator[Outcome]:
    """Read what `save` wrote."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield Outcome(*json.loads(line))

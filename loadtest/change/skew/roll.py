"""Rolls services from version 1 of the state to version 2 and back, while customers order.

Two instances of orders share the customers. Each step stops one process as a deployment does
(SIGTERM, it drains) and starts it anew with other versions.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.change.crowd.values import Job, Kind, Outcome
from loadtest.change.settings import customers_job, customers_shop
from loadtest.change.skew.knobs import SkewKnobs
from loadtest.change.skew.record import Roll, Step
from loadtest.change.timeline import Span, refusals, timeline
from loadtest.processes import Service
from loadtest.shop import Shop, wait_until_serving
from waybill.strategy import Strategy

FIRST = "1"
"""The version before all rolls, and after."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step: which process starts anew (products, orders-1 or orders-2), with which versions."""

    process: str
    versions: str

    def __str__(self) -> str:
        return f"{self.process} v{self.versions.replace(',', ' and v')}"


READERS_FIRST = (
    *(Move("orders-1", "1,2"), Move("orders-2", "1,2"), Move("products", "1,2")),
    *(Move("products", "2"), Move("products", "1")),
    *(Move("orders-1", "1"), Move("orders-2", "1")),
)
"""Up and back as it should be: nobody ever issues what somebody cannot read."""
PRODUCER_FIRST = (
    *(Move("products", "2"), Move("orders-1", "1,2"), Move("orders-2", "1,2")),
    Move("orders-1", "1"),
)
"""Up with the producer first, and back with a reader first: the contrast."""
ROLLS = {"readers first": READERS_FIRST, "producer first": PRODUCER_FIRST}


@dataclass(frozen=True, slots=True)
class Fleet:
    """The processes by the names of moves."""

    shop: Shop
    second: Service

    def do(self, move: Move) -> None:
        """Stop a process in good order and start it anew.

        Raises:
            StartFailed: it did not come back.
        """
        variable = f"{move.process.partition('-')[0].upper()}_STATE_VERSIONS"
        service = self._service(move.process)
        service.stop()
        service.start_again({**service.environ, variable: move.versions})
        wait_until_serving(service)

    def _service(self, name: str) -> Service:
        named = {"products": self.shop.products, "orders-1": self.shop.orders}
        return named.get(name, self.second)

    def job(self, strategies: Sequence[Strategy], knobs: SkewKnobs, seed: int) -> Job:
        """What the customers do: they spread their orders over both instances."""
        rates = {Kind.RETURNING: knobs.orders_per_s}
        job = customers_job(self.shop, strategies, rates, seed, knobs.list_again_s)
        both = f"ipv4:{self.shop.orders_target},{self.second.target}"
        return job.model_copy(update={"orders_target": both})


@contextmanager
def fleet(folder: Path, seed: int) -> Iterator[Fleet]:
    """Products and two instances of orders, all at version 1.

    Raises:
        StartFailed: a service did not start.
    """
    shop = customers_shop(
        folder,
        seed,
        products_env={"PRODUCTS_LOG_LEVEL": "warning", "PRODUCTS_STATE_VERSIONS": FIRST},
        orders_env={"ORDERS_LOG_LEVEL": "warning", "ORDERS_STATE_VERSIONS": FIRST},
    )
    with shop, shop.orders_beside("orders-2") as second:
        wait_until_serving(second)
        yield Fleet(shop, second)


@dataclass(frozen=True, slots=True)
class Rolled:
    """When the steps of one roll began, and when it ended. Seconds since the Unix epoch."""

    order: str
    begin: float
    end: float
    moves: Sequence[tuple[Move, float]]

    def of(self, outcomes: Sequence[Outcome], bucket_s: float) -> Roll:
        """What became of one strategy's orders."""
        span = Span(self.begin, self.end)
        within = [each for each in outcomes if each.at in span]
        ends = [at for _, at in self.moves[1:]] + [self.end]
        steps = [
            _step(move, Span(at, end), self.begin, within)
            for (move, at), end in zip(self.moves, ends, strict=True)
        ]
        return Roll(
            order=self.order,
            steps=tuple(steps),
            wanted=len(within),
            failed=sum(not each.served for each in within),
            timeline=timeline(within, span, bucket_s),
        )


def _step(move: Move, span: Span, begin: float, outcomes: Sequence[Outcome]) -> Step:
    within = [each for each in outcomes if each.at in span]
    return Step(
        name=str(move), at_s=span.begin - begin, wanted=len(within), failed=refusals(within)
    )


def roll(order: str, moves: Sequence[Move], moving: Fleet, knobs: SkewKnobs) -> Rolled:
    """Do `moves`, one after another; `order` is what the roll is called.

    Raises:
        StartFailed: a process did not come back.
    """
    begin, done = time.time(), []
    for move in moves:
        done.append((move, time.time()))
        moving.do(move)
        time.sleep(dwell_s(move, knobs))
    return Rolled(order, begin, time.time(), done)


def dwell_s(move: Move, knobs: SkewKnobs) -> float:
    """How long all stays as it is after a step."""
    return knobs.issued_s if move.process == "products" else knobs.back_s

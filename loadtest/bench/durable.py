"""Durable orders a second, with and without group commit, beside a bare write and fsync."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from loadtest.spread import Spread
from orders_svc.ledger import Ledger
from orders_svc.orders import NewOrder, PlacedLine
from orders_svc.store import OrderStore

CALLERS = 64
"""Orders that are waited for at the same time."""
ROUND_S = 1.0
ROUNDS = 3
FSYNC_BYTES = 4096
"""A page, the least that a commit writes to its log."""

Clock = Callable[[], float]


class DurableRate(BaseModel):
    """Durable writes a second, over rounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    per_s: float
    low: float
    high: float


def new_order(number: int) -> NewOrder:
    """An order of one line, with a request id of its own."""
    line = PlacedLine(product_id="SKU-000001", quantity=1, unit_price_micros=1_000_000, revision=1)
    return NewOrder(
        subject="alice", request_id=f"bench-{number}", strategy="replica", lines=(line,)
    )


async def orders_per_s(store: OrderStore, callers: int, round_s: float, clock: Clock) -> float:
    """Orders that `callers` at once make durable, each placing the next when one is."""
    numbers = count()
    placed = 0
    begin = clock()

    async def place_until_the_end() -> None:
        nonlocal placed
        while clock() - begin < round_s:
            await store.place(new_order(next(numbers)))
            placed += 1

    await asyncio.gather(*(place_until_the_end() for _ in range(callers)))
    return placed / (clock() - begin)


def store_rate(file: Path, *, group_commit: bool, round_s: float, clock: Clock) -> float:
    """`orders_per_s` of a new store on `file`, which is removed."""

    async def run() -> float:
        store = OrderStore(Ledger.open(f"sqlite:///{file}"), group_commit=group_commit)
        try:
            return await orders_per_s(store, CALLERS, round_s, clock)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    finally:
        for left in file.parent.glob(f"{file.name}*"):
            left.unlink()


def fsyncs_per_s(file: Path, round_s: float, clock: Clock) -> float:
    """Appends of one page to `file`, each waited for until it is on disk; the file is removed."""
    done = 0
    begin = clock()
    with file.open("wb", buffering=0) as log:
        while clock() - begin < round_s:
            log.write(bytes(FSYNC_BYTES))
            os.fsync(log.fileno())
            done += 1
    file.unlink()
    return done / (clock() - begin)


def durable_rates(
    folder: Path,
    *,
    rounds: int = ROUNDS,
    round_s: float = ROUND_S,
    clock: Clock = time.perf_counter,
) -> list[DurableRate]:
    """All three, in interleaved rounds, on the disk that `folder` is on."""
    file = folder / "bench.db"
    contestants: dict[str, Callable[[], float]] = {
        "write and fsync, one at a time": lambda: fsyncs_per_s(file, round_s / 4, clock),
        "orders, a commit each": lambda: store_rate(
            file, group_commit=False, round_s=round_s, clock=clock
        ),
        "orders, group commit": lambda: store_rate(
            file, group_commit=True, round_s=round_s, clock=clock
        ),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            rates[name].append(measure())
    return [_rate(name, measured) for name, measured in rates.items()]


def _rate(name: str, measured: Sequence[float]) -> DurableRate:
    spread = Spread.of(measured)
    assert spread is not None, "there is at least one round"
    return DurableRate(name=name, per_s=spread.median, low=spread.low, high=spread.high)

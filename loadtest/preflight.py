"""One order with each strategy before anything is measured: no report of a broken set-up."""

import time
from collections.abc import Iterable, Mapping

import grpc

from client.channels import NO_PROXY
from loadtest.lab import Lab
from loadtest.plan import Turn
from loadtest.refusals import refusal_of
from loadtest.results import FLOOR, Warmth
from loadtest.shop import is_serving
from loadtest.world import Job, World
from waybill.status import error_from
from waybill.strategy import Strategy

TIMEOUT_S = 10.0
HEALTHY_WITHIN_S = 5.0
POLL_S = 0.1
TOO_LARGE = "RESOURCE_EXHAUSTED"
"""A size over a limit is a result and no fault of the set-up."""


class NotReady(RuntimeError):
    """The services cannot do what is to be measured; the text says which and why."""


def check(world: World, turns: Iterable[Turn]) -> None:
    """Make one order with each strategy of `turns`, at its smallest size.

    Raises:
        NotReady: a service is not there or not healthy, or refused.
    """
    for name, target in (("products", world.products_target), ("orders", world.orders_target)):
        if not becomes_healthy(target):
            raise NotReady(f"the {name} service at {target} does not answer, or not as healthy")
    lab = Lab(world)
    try:
        for turn in smallest(turns).values():
            _order(lab, turn)
    finally:
        lab.close()


def becomes_healthy(target: str, within_s: float = HEALTHY_WITHIN_S) -> bool:
    """Whether a service is healthy, now or soon: each of its workers takes its time."""
    deadline = time.monotonic() + within_s
    with grpc.insecure_channel(target, options=(NO_PROXY,)) as channel:
        while not (healthy := is_serving(channel)) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    return healthy


def smallest(turns: Iterable[Turn]) -> Mapping[str, Turn]:
    """For each strategy its turn with the fewest ids."""
    rows = [turn for turn in turns if turn.cell.row != FLOOR]
    rows.sort(key=lambda turn: turn.cell.ids, reverse=True)
    return {turn.cell.row: turn for turn in rows}


def _order(lab: Lab, turn: Turn) -> None:
    cell = turn.cell.model_copy(update={"warmth": Warmth.WARM, "orders_per_list": 0})
    job = Job(cell=cell, load=turn.loads[0], seed="preflight")
    try:
        phase = lab.begin(job, job.load, "preflight")
        lab.caller(Strategy(cell.row), phase, 0).call(TIMEOUT_S)
    except grpc.RpcError as error:
        if not refusal_of(error).startswith(TOO_LARGE):
            raise NotReady(
                f"{cell.row}: {refusal_of(error)}: {error_from(error).message}"
            ) from None
    except ValueError as error:
        raise NotReady(f"{cell.row}: {error}") from None

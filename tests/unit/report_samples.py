"""A made-up run that has every experiment, with figures that could be real."""

from functools import cache
from itertools import product
from random import Random

from loadtest.histogram import Latencies
from loadtest.recorder import Observed
from loadtest.report.grpc_limits import OWN_ENTRIES_BYTES, predicted_refusals
from loadtest.results import (
    FLOOR,
    Cell,
    Experiment,
    Load,
    Measured,
    Method,
    RequestBytes,
    Run,
    Sample,
    Warmth,
    WireBytes,
)
from tests.unit import report_change_samples
from tests.unit.loadtest_samples import run_of

STRATEGIES = ("metadata-jwt", "message-field", "replica", "direct-call")
IDS = (10, 100, 1_000, 10_000)
CLIFF_IDS = tuple(range(100, 460, 20))
LOAD = Load(rate_per_s=400, duration_s=2.0, warm_up_s=0.4, users=4, max_in_flight=256)
FLOOR_US = 300.0

_RATIO = {
    FLOOR: 1.0,
    "metadata-jwt": 1.55,
    "message-field": 1.5,
    "replica": 1.3,
    "direct-call": 1.35,
}
_BYTES_AN_ID = {"metadata-jwt": 40, "message-field": 22}


def request_bytes(row: str, ids: int) -> RequestBytes:
    carried = 400 + _BYTES_AN_ID.get(row, 0) * ids
    if row == FLOOR:
        return RequestBytes(metadata=0, message=0)
    if row == "metadata-jwt":
        return RequestBytes(metadata=carried, message=50)
    return RequestBytes(metadata=400, message=carried - 350)


@cache
def latencies(seed: str, middle_s: float, count: int) -> str:
    random = Random(seed)
    found = Latencies()
    for _ in range(count):
        found.record_s(middle_s * random.lognormvariate(0, 0.5))
    return found.encode()


def sample(
    cell: Cell,
    *,
    round_: int = 0,
    experiment: Experiment = Experiment.COST,
    load: Load = LOAD,
    factor: float = 1.0,
    products_us: float = 0.0,
    middle_s: float = 0.001,
    saturated: bool = False,
    wire: bool = True,
    proxies_us: float | None = None,
) -> Sample:
    """One sample; `factor` is on the cost, and refusals follow the documented rule."""
    random = Random(f"{cell} {round_} {experiment} {load}")
    request = request_bytes(cell.row, cell.ids)
    sent = min(400, round(load.rate_per_s * load.duration_s))
    share = predicted_refusals(request.metadata + OWN_ENTRIES_BYTES)
    refused = sum(random.random() < share for _ in range(sent))
    cost_us = FLOOR_US * _RATIO[cell.row] * factor * random.uniform(0.97, 1.03)
    orders_s = cost_us * sent * 1e-6
    elapsed_s = sent / load.rate_per_s
    idle_s = 0.02 * elapsed_s
    size = round(0.8 * request.total + 90) * sent
    path = {} if proxies_us is None else {"path": proxies_us * sent * 1e-6}
    return Sample(
        cell=cell,
        experiment=experiment,
        round=round_,
        load=load,
        measured=Measured(
            observed=Observed(
                intended=sent,
                ok=sent - refused,
                refused={"RESOURCE_EXHAUSTED": refused} if refused else {},
                dropped=0,
                sending_s=elapsed_s,
                latency=latencies(f"{cell.row} {round_}", middle_s, sent - refused),
                service_time=latencies(f"{cell.row} {round_}", middle_s, sent - refused),
                refused_latency=latencies(f"{cell.row} {round_}", 0.5, refused),
                send_lag=latencies(f"{cell.row} {round_}", 0.0002, sent),
            ),
            cpu_s={"orders": orders_s, "products": idle_s + products_us * sent * 1e-6, **path},
            generator_cpu_s=0.1,
            elapsed_s=elapsed_s,
            request=request,
            wire=WireBytes(up=size, down=80 * sent) if wire else None,
            memory_bytes={"orders": 70 << 20, "products": 80 << 20},
        ),
        saturated=saturated,
    )


def cost(rounds: int = 3, *, wire: bool = True) -> list[Sample]:
    floors = [
        sample(Cell(row=FLOOR, ids=0, method=Method.HEALTH), round_=number, wire=wire)
        for number in range(rounds)
    ]
    cells = product(STRATEGIES, IDS, (Method.VALIDATE, Method.PLACE), range(rounds))
    return floors + [
        sample(
            Cell(row=row, ids=ids, method=method),
            round_=number,
            factor=(1 + ids / 30_000) * (2.0 if method is Method.PLACE else 1.0),
            wire=wire,
        )
        for row, ids, method, number in cells
    ]


def journeys(rounds: int = 8, orders: int = 3, algorithm: str = "EdDSA") -> list[Sample]:
    cells = [
        Cell(
            row=row,
            ids=100,
            method=Method.VALIDATE,
            grants=7_500 // orders,
            orders_per_list=orders,
            algorithm=algorithm,
        )
        for row in STRATEGIES
    ]
    return [
        sample(
            cell,
            round_=number,
            experiment=Experiment.JOURNEY,
            products_us=(3 if cell.row == "direct-call" else 1) * 2_400 / orders,
        )
        for cell, number in product(cells, range(rounds))
    ] + [
        sample(
            Cell(row=FLOOR, ids=0, method=Method.HEALTH, algorithm=algorithm),
            round_=number,
            experiment=Experiment.JOURNEY,
        )
        for number in range(rounds)
    ]


def cold(rounds: int = 3) -> list[Sample]:
    return [
        sample(
            Cell(row=row, ids=ids, method=Method.VALIDATE, warmth=Warmth.COLD),
            round_=number,
            experiment=Experiment.COLD,
            factor=1.4 + ids / 2_000,
        )
        for row, ids, number in product(STRATEGIES, IDS, range(rounds))
    ]


def issue(rounds: int = 3) -> list[Sample]:
    return [
        sample(
            Cell(row=row, ids=ids, method=Method.LIST),
            round_=number,
            experiment=Experiment.ISSUE,
            products_us=700 + 4 * ids + 20 * number,
        )
        for row, ids, number in product(STRATEGIES, IDS, range(rounds))
    ]


def saturation(rounds: int = 2) -> list[Sample]:
    rates = (250, 500, 1_000, 1_500, 2_000, 2_500)
    return [
        sample(
            Cell(row=row, ids=100, method=Method.VALIDATE),
            round_=number,
            experiment=Experiment.SATURATION,
            load=LOAD.model_copy(update={"rate_per_s": float(rate)}),
            middle_s=0.001 / max(0.02, 1 - rate / (2_600 - 200 * place)),
            saturated=rate > 2_400 - 200 * place,
        )
        for (place, row), rate, number in product(enumerate(STRATEGIES), rates, range(rounds))
    ] + [
        sample(
            Cell(row=FLOOR, ids=0, method=Method.HEALTH),
            round_=number,
            experiment=Experiment.SATURATION,
            load=LOAD.model_copy(update={"rate_per_s": float(rate)}),
        )
        for rate, number in product(rates, range(rounds))
    ]


def cliff(rounds: int = 2) -> list[Sample]:
    load = LOAD.model_copy(update={"rate_per_s": 50.0, "duration_s": 4.0})
    return [
        sample(
            Cell(row=row, ids=ids, method=Method.VALIDATE),
            round_=number,
            experiment=Experiment.CLIFF,
            load=load,
        )
        for row, ids, number in product(STRATEGIES, CLIFF_IDS, range(rounds))
    ]


def varied(rounds: int = 2) -> list[Sample]:
    kinds = [{"id_kind": kind} for kind in ("uuid4", "int")]
    grants = [{"grants": count} for count in (10_000, 1_000_000)]
    cells = [
        Cell(row=row, ids=100, method=Method.VALIDATE, **change)  # type: ignore[arg-type]
        for row, change in product(STRATEGIES, [*kinds, *grants, {"workers": 2}])
    ]
    return [sample(cell, round_=number) for cell, number in product(cells, range(rounds))]


def meshed(rounds: int = 2) -> list[Sample]:
    cells = [
        Cell(row=FLOOR, ids=0, method=Method.HEALTH, via="mesh"),
        *(Cell(row=row, ids=100, method=Method.VALIDATE, via="mesh") for row in STRATEGIES),
    ]
    return [
        sample(cell, round_=number, middle_s=0.002, proxies_us=500)
        for cell, number in product(cells, range(rounds))
    ]


@cache
def full_run() -> Run:
    run = run_of(
        *(*journeys(), *journeys(3, orders=10), *journeys(3, algorithm="ES256")),
        *(*cost(), *cold(), *issue(), *saturation(), *cliff(), *varied(), *meshed()),
    )
    return run.model_copy(update={"under_change": report_change_samples.under_change()})

"""Made-up measurements for the tests of the lab."""

from loadtest.histogram import Latencies
from loadtest.judging import judged
from loadtest.recorder import Observed
from loadtest.results import (
    FLOOR,
    Cell,
    Head,
    Load,
    Machine,
    Measured,
    Method,
    RequestBytes,
    Run,
    Sample,
)

LOAD = Load(rate_per_s=100, duration_s=2.0, warm_up_s=0.5, users=2, max_in_flight=10)


def histogram(seconds: float, count: int) -> str:
    latencies = Latencies()
    for _ in range(count):
        latencies.record_s(seconds)
    return latencies.encode()


def measured(
    *,
    ok: int = 200,
    refused: dict[str, int] | None = None,
    dropped: int = 0,
    lag_s: float = 0.001,
    sending_s: float = 2.0,
    orders_s: float = 0.1,
    products_s: float = 0.0,
) -> Measured:
    refused = refused or {}
    answered = ok + sum(refused.values())
    return Measured(
        observed=Observed(
            intended=answered + dropped,
            ok=ok,
            refused=refused,
            dropped=dropped,
            sending_s=sending_s,
            latency=histogram(0.0015, ok),
            service_time=histogram(0.001, ok),
            refused_latency=histogram(0.5, sum(refused.values())),
            send_lag=histogram(lag_s, answered),
        ),
        cpu_s={"orders": orders_s, "products": products_s},
        generator_cpu_s=0.1,
        elapsed_s=2.0,
        request=RequestBytes(metadata=600, message=40),
    )


def floor(round_: int = 0, *, orders_s: float = 0.1, products_s: float = 0.0) -> Sample:
    cell = Cell(row=FLOOR, ids=0, method=Method.HEALTH)
    return judged(cell, round_, LOAD, measured(orders_s=orders_s, products_s=products_s))


def sample(
    row: str,
    *,
    ids: int = 100,
    round_: int = 0,
    method: Method = Method.VALIDATE,
    of: Measured | None = None,
) -> Sample:
    return judged(Cell(row=row, ids=ids, method=method), round_, LOAD, of or measured())


def run_of(*samples: Sample, complete: bool = True) -> Run:
    head = Head(
        run_id="20270115T080000Z-1f3a",
        begun="2027-01-15T08:00:00+00:00",
        profile="quick",
        seed=1,
        commit="0123456789ab",
        versions={"grpcio": "1.85.1"},
        machine=Machine(cpu="Some CPU", cpus=2, platform="Linux", python="3.11"),
        settings={},
    )
    return Run(head=head, complete=complete, samples=samples)

"""The head of the report: what was compared, where and when, and what the run cannot say."""
# ruff: noqa: RUF001 - the multiplication sign is meant

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from loadtest.histogram import Latencies
from loadtest.ranking import ALPHA, FEWEST_ROUNDS, MARGIN
from loadtest.report import change_notes
from loadtest.report.points import Findings
from loadtest.results import FLOOR, MAX_LAG_US, MIN_ACHIEVED, Experiment, Head, Load, Run, Sample

_FEW_ROUNDS = 3
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


def moment(head: Head) -> str:
    """When the run began, in UTC."""
    return datetime.fromisoformat(head.begun).astimezone(UTC).strftime("%d %B %Y, %H:%M UTC")


def sentence(findings: Findings) -> str:
    """What was compared, where and when."""
    head, rows = findings.run.head, findings.strategies
    count = _NUMBERS[len(rows)] if len(rows) < len(_NUMBERS) else str(len(rows))
    ways = "way" if len(rows) == 1 else "ways"
    return (
        f"{count.capitalize()} {ways} to carry entitlements from products to orders, compared "
        f"on {head.machine.cpus} × {head.machine.cpu} on {moment(head)}."
    )


def facts(head: Head) -> Sequence[tuple[str, str]]:
    """What a reader needs to find or repeat the run."""
    return (
        ("Run", head.run_id),
        ("Commit", head.commit),
        ("Profile", head.profile),
        ("Seed", str(head.seed)),
        ("Path", head.via),
        ("Machine", f"{head.machine.cpus} × {head.machine.cpu}"),
        ("System", f"{head.machine.platform}, Python {head.machine.python}"),
    )


def caveats(findings: Findings) -> Iterator[str]:
    """What this run cannot say."""
    run = findings.run
    if not run.complete:
        yield "It was stopped early: cells are missing, and some have fewer rounds than others."
    if run.failures:
        yield f"{len(run.failures)} measurements failed; the first: {run.failures[0].reason}."
    if run.samples:
        yield from _about_cost(findings)
    yield from change_notes.caveats(run.under_change)


def _about_cost(findings: Findings) -> Iterator[str]:
    run = findings.run
    yield (
        "One machine over loopback: no network adds latency or loss, and the generator shares the "
        f"{run.head.machine.cpus} processors with the services, so latencies are upper bounds and "
        "rates lower ones. CPU time per order and bytes are not touched by this."
    )
    rounds = len({sample.round for sample in run.samples})
    if rounds < _FEW_ROUNDS:
        yield f"{rounds} rounds are too few to judge the spread by."
    yield from _generator(findings)
    if FLOOR not in {sample.cell.row for sample in run.samples}:
        yield "No floor was measured, so costs have no ratio to it."
    if not any(sample.measured.wire for sample in run.samples):
        yield "Bytes on the wire were not counted; sizes are those before header compression."


def _generator(findings: Findings) -> Iterator[str]:
    kept = [point.row for point in findings.points if point.experiment in _FIXED]
    spoilt = sum(row.saturated_rounds for row in kept)
    if spoilt:
        yield (
            f"In {spoilt} of {sum(row.rounds for row in kept)} measurements at a fixed rate the "
            f"generator fell behind (under {MIN_ACHIEVED:.0%} of the asked rate, or send lag over "
            f"{MAX_LAG_US / 1000:.0f} ms at the 95th percentile). They are left out of all figures "
            "of cost, and a cell of which none is left is not ranked."
        )


_FIXED = (Experiment.JOURNEY, Experiment.COST, Experiment.COLD, Experiment.ISSUE)
"""Where the rate is meant to be kept."""


def conduct(run: Run) -> Iterator[str]:
    """How the figures were taken."""
    if run.samples:
        yield from _cost_conduct(run)
    yield from change_notes.conduct(run.under_change)


def _cost_conduct(run: Run) -> Iterator[str]:
    rounds = len({sample.round for sample in run.samples})
    yield (
        f"{rounds} {'round' if rounds == 1 else 'rounds'}, each visiting every cell in a new "
        "order; calls follow Poisson arrivals and wait for no answer."
    )
    for experiment in Experiment:
        loads = {each.load for each in run.samples if each.experiment is experiment}
        if loads:
            yield _driving(experiment, loads)
    yield (
        "Latency: microseconds from the intended start of a call to its answer, accepted and "
        "refused calls apart, in an HdrHistogram of three significant digits; rounds are added "
        "exactly. Service time runs from the actual start."
    )
    yield (
        "CPU time: of the whole service process over the measured phase, by the kernel's count, "
        "for each answered call. The ratio to the floor takes the floor of the same round, and "
        "adds what products uses beyond its work at rest."
    )
    if any(sample.measured.wire for sample in run.samples):
        yield (
            "Bytes on the wire: of the TCP streams of the generator's own connections, by the "
            "kernel's counters (TCP_INFO), for each answered call."
        )
    yield (
        "A figure is the median of the rounds, ± half the interval in which it lies with 95 % "
        "confidence by the sign test; of fewer than six rounds, which allow none, half their range."
    )
    yield (
        "Ranks: strategies are compared round by round, and share a rank unless one is dearer by "
        f"more than {MARGIN:.0%} (Hodges-Lehmann estimate) and not by chance (Wilcoxon's signed-"
        f"rank test, two-sided, {ALPHA:.0%}); {FEWEST_ROUNDS} rounds at least."
    )
    yield from _affinity(run.head)
    yield _own_cost(run.samples)


def _affinity(head: Head) -> Iterator[str]:
    if head.affinity:
        kept = "; ".join(f"{who}: {cpus}" for who, cpus in head.affinity.items())
        yield f"Processes were kept on CPUs of their own: {kept}."
    else:
        yield "Processes ran on whichever CPU the system chose."


def _driving(experiment: Experiment, loads: Collection[Load]) -> str:
    return (
        f"{experiment.capitalize()}: {_values(load.rate_per_s for load in loads)} calls a second, "
        f"{_values(load.duration_s for load in loads)} s a cell after "
        f"{_values(load.warm_up_s for load in loads)} s of warm-up; "
        f"{_values(load.users for load in loads)} customers with a connection each, up to "
        f"{_values(load.max_in_flight for load in loads)} calls in flight, ordering from "
        f"{_values(load.favourites for load in loads)} products of their lists."
    )


def _values(values: Iterable[float]) -> str:
    found = [f"{value:,g}" for value in sorted(set(values))]
    return " or ".join([", ".join(found[:-1]), found[-1]] if len(found) > 1 else found)


def _own_cost(samples: Sequence[Sample]) -> str:
    lag = Latencies.merged(sample.measured.observed.send_lag for sample in samples)
    calls = sum(sample.measured.observed.answered for sample in samples)
    own = sum(sample.measured.generator_cpu_s for sample in samples)
    return (
        f"Generator: send lag p50 {lag.percentile_us(50) or 0:,} µs, "
        f"p99 {lag.percentile_us(99) or 0:,} µs; {own / max(calls, 1) * 1e6:,.0f} µs of CPU a call."
    )

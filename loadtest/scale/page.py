"""The tables of docs/scaling.md, from the records that they are computed from."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from loadtest.results import Run
from loadtest.scale import needs
from loadtest.scale.checks import Check, checks
from loadtest.scale.figures import figures
from loadtest.scale.fit import Line
from loadtest.scale.model import Between, Model, Models
from loadtest.scale.needs import Workload
from loadtest.scale.record import Replica, Scale
from loadtest.scale.replicas import ReplicaPoints
from loadtest.scale.rounding import between, count, duration, size
from loadtest.scale.source import change_bytes

BEGIN, END = "<!-- measured: make scale -->", "<!-- end of measured -->"
WORKLOADS = (Workload(1_000_000), Workload(100_000_000))
NOTHING = "–"  # noqa: RUF001 - a dash


def text(run: Run, scale: Scale) -> str:
    """Everything, as Markdown.

    Raises:
        ValueError: the record lacks points that the model needs.
    """
    return "\n".join(_lines(run, scale))


def write(page: Path, run: Run, scale: Scale) -> None:
    """Replace what stands between the marks of `page`.

    Raises:
        ValueError: the page has no such marks.
        OSError: it cannot be read or written.
    """
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{page} has no place for the tables: {BEGIN} … {END}")
    whole = f"{before}{BEGIN}\n\n{text(run, scale)}\n\n{END}{after}"
    page.write_text(whole, encoding="utf-8")


def _lines(run: Run, scale: Scale) -> Iterator[str]:
    models = Models.of(figures(run.samples), ReplicaPoints.of(scale.replicas, change_bytes()))
    found, machine = list(checks(models)), scale.machine
    yield f"{machine.cpu}, {machine.cpus} logical processors, Python {machine.python}. Replicas: "
    yield f"{scale.begun[:10]}, commit `{scale.commit}`. Orders and listings: comparison "
    yield f"`{run.head.run_id}`, profile `{run.head.profile}`, commit `{run.head.commit}`."
    yield from _replicas(scale.replicas)
    for workload in WORKLOADS:
        yield from _needs(workload, models)
    yield from _coefficients(models)
    yield from _checks(found)


def _replicas(replicas: Sequence[Replica]) -> Iterator[str]:
    rates = [lag.rate_per_s for lag in replicas[0].lags]
    yield "\n### A replica, measured\n"
    yield (
        "| Grants | Rounds | Bootstrap | Follower's CPU | Copy on disk | Bytes a grant "
        "| Follower's memory | Changes applied "
        + "".join(f"| Lag at {rate:,}/s, p50 / p99 " for rate in rates)
        + "|"
    )
    yield "|--:|--:|--:|--:|--:|--:|--:|--:" + "|--:" * len(rates) + "|"
    by_grants = sorted(replicas, key=lambda each: each.grants)
    for grants, taken in groupby(by_grants, key=lambda each: each.grants):
        yield _replica(grants, list(taken))


def _replica(grants: int, rounds: Sequence[Replica]) -> str:
    def middle(figure: Callable[[Replica], float]) -> float:
        return median(map(figure, rounds))

    lags = [
        f"{median(lag.p50_ms for lag in taken):.0f} / {median(lag.p99_ms for lag in taken):.0f} ms"
        for taken in zip(*(each.lags for each in rounds), strict=True)
    ]
    cells = (
        *(f"{grants:,}", f"{len(rounds)}", f"{middle(lambda each: each.bootstrap_s):.1f} s"),
        f"{middle(lambda each: each.bootstrap_cpu_s):.1f} s",
        size(middle(lambda each: each.file_bytes)),
        f"{middle(lambda each: each.bytes_per_grant):.0f}",
        size(middle(lambda each: each.resident_bytes)),
        f"{middle(lambda each: each.changes_per_s):,.0f}/s",
        *lags,
    )
    return f"| {' | '.join(cells)} |"


Need = Callable[[Workload, Model, str], float]


def _needs(workload: Workload, models: Models) -> Iterator[str]:
    yield f"\n### {workload.users:,} users\n"
    yield (
        f"{workload.grants:,} grants, {workload.changes_per_s:,.0f} changes/s, "
        f"{workload.orders_per_s:,.0f} orders/s at the peak, each after a listing of "
        f"{workload.page_size}.\n"
    )
    yield (
        "| Strategy | Orders, cores | Products, cores | Processes' memory | State held, each copy "
        "| Feed, each copy | Users' traffic | Decides by what is at most so old | Parts |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|"

    def cores(strategy: str) -> float:
        model = models.measured.model
        both = (needs.orders_cores, needs.products_cores)
        return sum(each(workload, model, strategy) for each in both)

    for strategy in sorted(models.strategies, key=cores):
        yield _need(workload, models, strategy)


def _need(workload: Workload, models: Models, strategy: str) -> str:
    def found(need: Need) -> Between:
        return models.between(lambda model: need(workload, model, strategy))

    def per_s(need: Need) -> str:
        value = found(need).value
        return f"{size(value)}/s" if value else NOTHING

    held = found(needs.state_bytes).value
    cells = (
        f"`{strategy}`",
        *(between(found(need)) for need in (needs.orders_cores, needs.products_cores)),
        size(found(needs.memory_bytes).value),
        size(held) if held else NOTHING,
        *(per_s(need) for need in (needs.feed_bytes_per_s, needs.users_bytes_per_s)),
        duration(found(needs.staleness_s).value),
        f"{found(needs.parts).value:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _coefficients(models: Models) -> Iterator[str]:
    bare = models.measured.model.bare
    yield "\n### What it is computed from\n"
    yield (
        f"A bare call costs {between(models.between(lambda m: m.bare.call_us))} µs of orders' CPU, "
        f"and {between(models.between(lambda m: m.bare.wake_us))} µs more where the process has "
        f"rested, which at a rate of r calls a second is one call in 1 + r × {bare.awake_s:g}. "  # noqa: RUF001 - times
        f"At rest orders uses {between(models.between(lambda m: m.bare.rest * 100))} % of a core, "
        f"products {between(models.between(lambda m: m.products_rest * 100))} %. All else is above "
        "that. n is the number of ids carried; products' columns have the store's CPU in them.\n"
    )
    yield (
        "| Strategy | CPU of a check, µs | First with its state, µs | the same at products "
        "| Placing it, µs | CPU of a listing, µs | Bytes of an order |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for strategy in models.strategies:
        yield _coefficient(models, strategy)


def _coefficient(models: Models, strategy: str) -> str:
    def line(find: Callable[[Model], Line], grows: str) -> str:
        fixed = models.between(lambda model: find(model).fixed)
        slope = models.between(lambda model: find(model).slope)
        return between(fixed) + (f" + ({between(slope)}) {grows}" if slope.high else "")

    def found(name: str) -> str:
        return between(models.between(lambda m: getattr(m.costs[strategy], name)))

    grows = "n" if models.measured.model.costs[strategy].grows_with is float else "log₂ n"
    cells = (
        f"`{strategy}`",
        line(lambda model: model.costs[strategy].check, grows),
        *(found(name) for name in ("first_us", "first_elsewhere_us", "placing_us")),
        line(lambda model: model.costs[strategy].listing, "n"),
        line(lambda model: model.costs[strategy].order_bytes, grows),
    )
    return f"| {' | '.join(cells)} |"


def _checks(found: Sequence[Check]) -> Iterator[str]:
    good = sum(check.holds for check in found)
    yield "\n### Predictions that a measured point checks\n"
    yield f"{good} of {len(found)} measured values lie in the interval that was predicted.\n"
    yield "| What | Strategy | Predicted | Measured | Error | |"
    yield "|---|---|--:|--:|--:|---|"
    for check in found:
        strategy = f"`{check.strategy}`" if check.strategy else ""
        yield (
            f"| {check.what} | {strategy} | {between(check.predicted)} | {count(check.measured)} "
            f"| {round(check.error, 2) + 0.0:+.0%} | {'' if check.holds else 'outside'} |"
        )

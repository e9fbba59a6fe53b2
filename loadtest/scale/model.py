"""What each strategy costs for many users: straight lines through measured points. Pure.

CPU and bytes of an order, and of a listing, are taken to grow in proportion to the ids carried; a
replica's size and bootstrap in proportion to the grants it holds; the CPU time of a second in
proportion to the calls in it, above what an idle process uses. Each line is drawn through the
smallest and the largest measured point, and the points between them are predicted: their error is
what `checks` tell. What lies beyond the measured points is a guess that nothing here has checked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.curves import kept_up
from loadtest.results import DIRECT, FLOOR, Experiment, Method
from loadtest.scale.record import Replica
from loadtest.summary import Row
from waybill.strategy import Strategy

DAY_S = 86_400
STATE_LIFETIME_S = 300
"""The default of PRODUCTS_STATE_TTL_S."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Who orders how much."""

    users: int
    grants_each: int = 10_000
    churn_per_day: float = 0.01
    """Part of all grants that changes in a day."""
    orders_per_day: float = 1.0
    """Of one user; each is preceded by one listing of a page."""
    page_size: int = 100
    peak: float = 3.0
    """How many times the mean the busiest hour is."""
    utilisation: float = 0.6
    """How busy a core may be at the peak."""

    @property
    def grants(self) -> int:
        """Of all users."""
        return self.users * self.grants_each

    @property
    def orders_per_s(self) -> float:
        """At the peak."""
        return self.users * self.orders_per_day / DAY_S * self.peak

    @property
    def changes_per_s(self) -> float:
        """On average."""
        return self.grants * self.churn_per_day / DAY_S


@dataclass(frozen=True, slots=True)
class Line:
    """`fixed + slope * x`."""

    fixed: float
    slope: float

    @classmethod
    def through(cls, points: Mapping[float, float]) -> "Line":
        """Through the first and the last of `points`, by x; level where there is only one."""
        first, last = min(points), max(points)
        slope = (points[last] - points[first]) / (last - first) if last > first else 0.0
        return cls(points[first] - slope * first, slope)

    def at(self, x: float) -> float:
        """The value at `x`."""
        return self.fixed + self.slope * x


@dataclass(frozen=True, slots=True)
class Check:
    """A measured point that no line was drawn through, and what the model said of it."""

    what: str
    strategy: str
    measured: float
    predicted: float

    @property
    def error(self) -> float:
        """Part by which the prediction is too high, negative where it is too low."""
        return self.predicted / self.measured - 1


@dataclass(frozen=True, slots=True)
class Costs:
    """Lines of one strategy over the ids carried."""

    strategy: str
    order_us: Line
    """CPU of all services for checking an order whose state was seen before, on a busy process."""
    by_rate: Line
    """The same at one size, over the seconds between two calls: an idle process uses CPU, too."""
    placing_us: float
    """What more it costs to place it, durably."""
    first_us: float
    """What more the first order with a state costs, at the size where that was measured."""
    listing_us: Line
    """CPU of products for a listing, issuing included."""
    order_bytes: Line
    """On the wire, both ways."""
    listing_bytes: Line
    carried_bytes: Line
    """What of an order is state."""


@dataclass(frozen=True, slots=True)
class ReplicaCosts:
    """Lines of a replica over its grants, and what one change costs it."""

    file_bytes: Line
    bootstrap_s: Line
    change_us: float
    """CPU of the follower."""
    change_bytes: int
    changes_per_s: float
    """Most that one follower applies."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a workload needs with one strategy, at its peak."""

    strategy: str
    orders_cores: float
    products_cores: float
    state_bytes: float
    """Held by orders or beside it, for each copy."""
    edge_bytes_per_s: float
    """Between users and services."""
    feed_bytes_per_s: float
    """From products to each copy."""
    shards: int
    """Into how many parts a replica must be cut, for its follower to keep up; 1 for the others."""


def costs(rows: Sequence[Row], strategy: str) -> Costs | None:
    """The lines of `strategy`, None where the run has not what they need."""
    mine = [row for row in rows if row.cell.row == strategy and usable(row)]
    warm, placed = _by_size(mine, Experiment.COST), _by_size(mine, Experiment.COST, Method.PLACE)
    cold, lists = _by_size(mine, Experiment.COLD), _by_size(mine, Experiment.ISSUE, Method.LIST)
    busy = _kept(mine)
    if not (set(warm) & set(placed) and set(warm) & set(cold) and lists and busy):
        return None
    line = Line.through({ids: cpu_us(row, rows) for ids, row in warm.items()})
    by_rate = Line.through({1 / rate: cpu_us(row, rows) for rate, row in busy.items()})
    size = next(iter(busy.values())).cell.ids
    return Costs(
        strategy,
        Line(by_rate.fixed - line.slope * size, line.slope),
        by_rate,
        _extra_us(placed, warm, rows),
        _extra_us(cold, warm, rows),
        Line.through({ids: _listing_us(row, rows) for ids, row in lists.items()}),
        Line.through({ids: wire_bytes(row) for ids, row in warm.items()}),
        Line.through({ids: wire_bytes(row) for ids, row in lists.items()}),
        Line.through({ids: float(row.request.total) for ids, row in warm.items()}),
    )


def _by_size(
    rows: Sequence[Row], experiment: Experiment, method: Method = Method.VALIDATE
) -> dict[float, Row]:
    """The rows of an experiment by ids carried."""
    found = [row for row in rows if row.experiment is experiment and row.cell.method is method]
    return {row.cell.ids: row for row in found}


def _kept(rows: Sequence[Row]) -> dict[float, Row]:
    """The rows of the rising rates that the service was equal to, by rate."""
    rising = [row for row in rows if row.experiment is Experiment.SATURATION and kept_up(row)]
    return {row.requested_per_s: row for row in rising}


def _extra_us(dearer: Mapping[float, Row], warm: Mapping[float, Row], rows: Sequence[Row]) -> float:
    """How much more a call of one size costs than a warm check, each above its rate's floor."""
    size = next(size for size in dearer if size in warm)
    extra_us = _above_floor_us(dearer[size], rows) - _above_floor_us(warm[size], rows)
    return max(0.0, extra_us)


def _above_floor_us(row: Row, rows: Sequence[Row]) -> float:
    return cpu_us(row, rows) - (_floor_us(row, rows) or 0.0)


def _listing_us(row: Row, rows: Sequence[Row]) -> float:
    """CPU of products for a listing, beyond what it uses at rest."""
    assert row.products_us is not None, "usable rows have it"
    at_rest = [each.products_us.median for each in _floors(row, rows) if each.products_us]
    return row.products_us.median - (median(at_rest) if at_rest else 0.0)


def usable(row: Row) -> bool:
    """Whether a row has figures that can be believed, at the middle of all other axes."""
    cell = row.cell
    plain = (
        cell.workers == 1
        and cell.via == DIRECT
        and cell.id_kind == "sku"
        and not cell.orders_per_list
    )
    listed = not cell.grants or row.experiment is Experiment.COLD
    return plain and listed and not (row.broken or row.saturated) and row.orders_us is not None


def cpu_us(row: Row, rows: Sequence[Row]) -> float:
    """CPU of all services for one call; of what all but orders use, what is beyond their rest."""
    floor_us = _floor_us(row, rows)
    if row.ratio and floor_us:
        return row.ratio.median * floor_us
    assert row.orders_us is not None, "usable rows have it"
    return row.orders_us.median


def _floor_us(row: Row, rows: Sequence[Row]) -> float | None:
    """CPU of orders for a health check at the rate of `row`."""
    found = [each.orders_us.median for each in _floors(row, rows) if each.orders_us]
    return median(found) if found else None


def _floors(row: Row, rows: Sequence[Row]) -> list[Row]:
    """The floors that `row` stands on: same rate, same customers, same workers."""

    def place(each: Row) -> tuple[float, int, int, str]:
        return each.requested_per_s, each.load.users, each.cell.workers, each.cell.via

    return [each for each in rows if each.is_floor and place(each) == place(row)]


def wire_bytes(row: Row) -> float:
    """Both ways, for one call."""
    return sum(each.median for each in (row.wire_up, row.wire_down) if each)


def replica_costs(replicas: Sequence[Replica], change_bytes: int) -> ReplicaCosts:
    """Through all but the largest, which is for checking, where there are three."""
    fitted = replicas[:-1] if len(replicas) > 2 else replicas
    last = replicas[-1]
    return ReplicaCosts(
        Line.through({each.grants: each.file_bytes for each in fitted}),
        Line.through({each.grants: each.bootstrap_s for each in fitted}),
        last.burst_cpu_s / last.burst_changes * 1e6,
        change_bytes,
        last.changes_per_s,
    )


def need(workload: Workload, found: Costs, replica: ReplicaCosts) -> Need:
    """What `workload` needs with the strategy of `found`."""
    size, rate = workload.page_size, workload.orders_per_s
    kept = found.strategy == Strategy.REPLICA.value
    feed_cores = workload.changes_per_s * replica.change_us / 1e6 if kept else 0.0
    busy = workload.utilisation * 1e6
    return Need(
        found.strategy,
        (rate * _an_order_us(found, size) / 1e6 + feed_cores) / workload.utilisation,
        rate * found.listing_us.at(size) / busy,
        _state_bytes(workload, found, replica),
        rate * (found.order_bytes.at(size) + found.listing_bytes.at(size)),
        workload.changes_per_s * replica.change_bytes if kept else 0.0,
        max(1, -int(-workload.changes_per_s // (replica.changes_per_s / 2))) if kept else 1,
    )


def _an_order_us(found: Costs, size: int) -> float:
    """An order that is placed, the first with its state."""
    return found.order_us.at(size) + found.first_us + found.placing_us


def _state_bytes(workload: Workload, found: Costs, replica: ReplicaCosts) -> float:
    if found.strategy == Strategy.REPLICA.value:
        return replica.file_bytes.at(workload.grants)
    if found.strategy == Strategy.REFERENCE.value:
        # A page's state lives in the store for as long as it is valid.
        return workload.orders_per_s * STATE_LIFETIME_S * found.carried_bytes.at(workload.page_size)
    return 0.0


def checks(rows: Sequence[Row], replicas: Sequence[Replica]) -> Iterator[Check]:
    """Every measured point that a line passes by."""
    for strategy in sorted({row.cell.row for row in rows} - {FLOOR}):
        found = costs(rows, strategy)
        if found is not None:
            yield from _checks_of(rows, found)
    if len(replicas) > 2:
        lines, last = replica_costs(replicas, 0), replicas[-1]
        name = Strategy.REPLICA.value
        of = f"of {last.grants:,} grants"
        yield Check(
            f"replica's bytes {of}", name, last.file_bytes, lines.file_bytes.at(last.grants)
        )
        yield Check(f"bootstrap {of}, s", name, last.bootstrap_s, lines.bootstrap_s.at(last.grants))


def _checks_of(rows: Sequence[Row], found: Costs) -> Iterator[Check]:
    mine = [row for row in rows if row.cell.row == found.strategy and usable(row)]
    for size, row in _between(_by_size(mine, Experiment.COST)):
        at_rate = found.by_rate.at(1 / row.requested_per_s) - found.by_rate.fixed
        predicted = found.order_us.at(size) + at_rate
        what = f"CPU of a check with {size:g} ids, µs"
        yield Check(what, found.strategy, cpu_us(row, rows), predicted)
        what = f"bytes of an order with {size:g} ids"
        yield Check(what, found.strategy, wire_bytes(row), found.order_bytes.at(size))
    for size, row in _between(_by_size(mine, Experiment.ISSUE, Method.LIST)):
        what = f"CPU of a listing of {size:g}, µs"
        yield Check(what, found.strategy, _listing_us(row, rows), found.listing_us.at(size))
    for rate, row in _between(_kept(mine)):
        what = f"CPU of a check at {rate:,.0f}/s, µs"
        yield Check(what, found.strategy, cpu_us(row, rows), found.by_rate.at(1 / rate))


def _between(points: Mapping[float, Row]) -> list[tuple[float, Row]]:
    """All but the first and the last."""
    return sorted(points.items(), key=lambda point: point[0])[1:-1]

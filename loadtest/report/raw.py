"""Every cell as a row of a table, and every sample as a line of CSV."""
# ruff: noqa: RUF001 - the multiplication sign is meant

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loadtest.report import tables
from loadtest.report.figures import remark
from loadtest.report.points import Findings, Point, percentile_us
from loadtest.report.tables import Column, Entry, Table
from loadtest.results import Run, Sample


@dataclass(frozen=True, slots=True)
class _Raw:
    column: Column
    entry: Callable[[Point], Entry]


def _words(title: str, words: Callable[[Point], str]) -> _Raw:
    return _Raw(Column(title, figures=False), lambda point: Entry(words(point)))


def _count(title: str, count: Callable[[Point], float | None]) -> _Raw:
    return _Raw(Column(title), lambda point: tables.whole(count(point)))


def _refusals(point: Point) -> str:
    return ", ".join(f"{count:,} {code}" for code, count in point.row.refused.items())


def _percentile(percentile: float) -> Callable[[Point], int | None]:
    return lambda point: point.latency.percentile_us(percentile)


_RAW = (
    _Raw(Column("Strategy", figures=False), lambda point: tables.name(point.cell.row)),
    _words("Experiment", lambda point: point.experiment.value),
    _words("Method", lambda point: point.cell.method.value),
    _count("Ids", lambda point: point.cell.ids),
    _count("Asked, /s", lambda point: point.load.rate_per_s),
    _count("Achieved, /s", lambda point: point.row.achieved_per_s),
    _count("Accepted", lambda point: point.row.ok),
    _words("Refused", _refusals),
    _count("Dropped", lambda point: point.row.dropped),
    _count("p50, µs", _percentile(50)),
    _count("p99, µs", _percentile(99)),
    _Raw(Column("CPU, × floor"), lambda point: tables.spread(point.row.ratio)),
    _Raw(Column("Orders CPU, µs"), lambda point: tables.spread(point.row.orders_us)),
    _Raw(Column("Products CPU, µs"), lambda point: tables.spread(point.row.products_us)),
    _count("Metadata, bytes", lambda point: point.row.request.metadata),
    _count("Message, bytes", lambda point: point.row.request.message),
    _Raw(Column("Wire up, bytes"), lambda point: tables.spread(point.row.wire_up)),
    _Raw(Column("Wire down, bytes"), lambda point: tables.spread(point.row.wire_down)),
    _count("Orders memory, KiB", lambda point: _kib(point, "orders")),
    _count("Products memory, KiB", lambda point: _kib(point, "products")),
    _count("Rounds", lambda point: point.row.rounds),
    _words("Remark", remark),
)

_AXES = (
    _count("Grants", lambda point: point.cell.grants or point.cell.ids),
    _words("Id kind", lambda point: point.cell.id_kind),
    _words("Warmth", lambda point: point.cell.warmth.value),
    _count("Orders per list", lambda point: point.cell.orders_per_list),
    _count("Workers", lambda point: point.cell.workers),
    _words("Path", lambda point: point.cell.via),
    _words("Key algorithm", lambda point: point.cell.algorithm),
    _count("Customers", lambda point: point.load.users),
)
"""Shown where they differ within the run."""


def _kib(point: Point, service: str) -> float | None:
    size = point.row.memory_bytes.get(service)
    return size / 1024 if size else None


def cells(findings: Findings) -> Table:
    """All points; axes that are the same in all of them are left out."""
    varied = [raw for raw in _AXES if len({raw.entry(point).text for point in findings.points}) > 1]
    shown = (*_RAW[:4], *varied, *_RAW[4:])
    rows = [tuple(raw.entry(point) for raw in shown) for point in findings.points]
    heads = tuple(raw.column for raw in shown)
    return Table("Every cell, its rounds together", heads, rows).without_empty_columns()


def samples_csv(run: Run) -> str:
    """One line for each sample: the cell, how it was driven, and what was measured."""
    lines = [_flat(sample) for sample in run.samples]
    out = io.StringIO()
    if lines:
        writer = csv.DictWriter(out, fieldnames=list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return out.getvalue()


def _flat(sample: Sample) -> Mapping[str, object]:
    measured, observed = sample.measured, sample.measured.observed
    wire = measured.wire
    return {
        "experiment": sample.experiment.value,
        "round": sample.round,
        **sample.cell.model_dump(mode="json"),
        **sample.load.model_dump(mode="json"),
        "saturated": sample.saturated,
        "intended": observed.intended,
        "ok": observed.ok,
        "refused": " ".join(f"{key}={count}" for key, count in observed.refused.items()),
        "dropped": observed.dropped,
        "achieved_per_s": round(observed.achieved_per_s, 3),
        **{f"p{each:g}_us": percentile_us(observed.latency, each) for each in (50, 90, 99, 99.9)},
        "service_p50_us": percentile_us(observed.service_time, 50),
        "refused_p50_us": percentile_us(observed.refused_latency, 50),
        "send_lag_p95_us": percentile_us(observed.send_lag, 95),
        **{f"{service}_cpu_s": measured.cpu_s.get(service) for service in ("orders", "products")},
        "generator_cpu_s": measured.generator_cpu_s,
        "elapsed_s": measured.elapsed_s,
        "metadata_bytes": measured.request.metadata,
        "message_bytes": measured.request.message,
        "wire_up_bytes": wire.up if wire else None,
        "wire_down_bytes": wire.down if wire else None,
        **{
            f"{service}_memory_bytes": measured.memory_bytes.get(service)
            for service in ("orders", "products")
        },
    }

"""Figures of section 4 about lists of ids: their bytes against the bound, and where they end."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby

from loadtest.id_lists.record import MEASURED, Crossing, IdListRun, ListSize, load_id_lists
from loadtest.report import tables
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure
from loadtest.report.labelled import Named, NamedChart, NamedRow
from loadtest.report.numbers import whole
from loadtest.report.points import Findings
from loadtest.report.scales import log_over
from loadtest.report.size import metadata_lines
from loadtest.report.tables import Entry, table

DRAWN_IDS = 1_000
DRAWN_KIND = "sku"


def bytes_per_id(findings: Findings) -> Figure | None:
    """Each rung of the ladder beside what there is to say, for each kind of id."""
    if not metadata_lines(findings):
        return None
    run = _record()
    drawn = [size for size in run.sizes if size.ids == DRAWN_IDS]
    rows = [
        NamedRow(kind, [*(Named(each.rung, each.bytes_per_id) for each in own), *_bounds(own)])
        for kind, group in groupby(drawn, key=lambda size: size.kind)
        if (own := list(group))
    ]
    chart = NamedChart(
        "Bytes for each id by encoding and kind of id, axis logarithmic",
        Axis("bytes for each id, before base64", log_over(_places(rows))),
        rows,
    )
    return Figure(
        "id-lists",
        "Bytes for each id, against the bound",
        f"Lists of {DRAWN_IDS:,} out of {run.catalogue:,} ids, in each encoding. Hollow: what "
        "information theory allows, “form” for a reader who knows what such ids look like, “known” "
        "for one who has the whole catalogue, which orders has not; “serial” is numbered without "
        f"gaps. {_origin(run)}",
        [chart],
        table("Bytes of a list of ids", _SIZE_TITLES, map(_size_row, run.sizes)),
    )


def crossings(findings: Findings) -> Figure | None:
    """Where each rung meets each hop's limit."""
    if not metadata_lines(findings):
        return None
    run = _record()
    drawn = [each for each in run.crossings if each.kind == DRAWN_KIND]
    rows = [
        NamedRow(hop, [Named(each.rung, each.most_ids) for each in drawn if each.hop == hop])
        for hop in dict.fromkeys(each.hop for each in drawn)
    ]
    chart = NamedChart(
        f"Ids ({DRAWN_KIND}) in one token that pass each hop, by encoding, axis logarithmic",
        Axis(f"ids ({DRAWN_KIND}) in one token", log_over(_places(rows))),
        rows,
        whole,
    )
    return Figure(
        "id-list-limits",
        "Where each encoding meets each hop's limit",
        "The longest list in one JWT of version 1 that surely passes each hop in its defaults, "
        "both ways and beside a credential of 350 bytes. gRPC begins to refuse at its soft limit "
        f"and lets nothing through above the hard one. The table has all kinds. {_origin(run)}",
        [chart],
        table("Ids that pass, by encoding", _crossing_titles(run), _crossing_rows(run.crossings)),
    )


@cache
def _record() -> IdListRun:
    return load_id_lists(MEASURED)


def _origin(run: IdListRun) -> str:
    return f"As make id-lists found on {run.begun[:10]} with seed {run.seed}; not part of this run."


def _bounds(sizes: Sequence[ListSize]) -> Iterator[Named]:
    one = sizes[0]
    yield Named("form", one.form_bytes / one.ids, apart=True)
    yield Named("known", one.bound_bytes / one.ids, apart=True)


def _places(rows: Sequence[NamedRow]) -> list[float]:
    return [each.x for row in rows for each in row.found]


_SIZE_TITLES = (
    *("Kind", "Ids", "Encoding", "Packed, bytes", "Each id, bytes", "Bound by form, bytes"),
    *("× bound", "Bound by catalogue, bytes", "JWT, bytes"),  # noqa: RUF001
)


def _size_row(size: ListSize) -> tuple[Entry, ...]:
    return (
        Entry(size.kind),
        tables.whole(size.ids),
        Entry(size.rung),
        tables.whole(size.size_bytes),
        _decimals(size.bytes_per_id),
        _decimals(size.form_bytes / size.ids),
        Entry(f"{size.times_form:.3f}", size.times_form),
        _decimals(size.bound_bytes / size.ids),
        tables.whole(size.token_bytes),
    )


def _decimals(value: float) -> Entry:
    return Entry(f"{value:.2f}", value)


def _crossing_titles(run: IdListRun) -> tuple[str, ...]:
    names = dict.fromkeys((each.hop, each.limit_bytes) for each in run.crossings)
    return ("Kind", "Encoding", *(f"{hop}, {limit or 0:,} bytes" for hop, limit in names))


def _crossing_rows(found: Sequence[Crossing]) -> Iterator[tuple[Entry, ...]]:
    for (kind, rung), row in groupby(found, key=lambda each: (each.kind, each.rung)):
        yield (Entry(kind), Entry(rung), *map(_most, row))


def _most(crossing: Crossing) -> Entry:
    return Entry(f"{'≥' * crossing.passes_all}{crossing.most_ids:,}", crossing.most_ids)


FIGURES = (bytes_per_id, crossings)

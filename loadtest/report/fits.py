"""The figure of section 4 about ids that fit: what an order carries, held against each hop."""

from collections.abc import Iterator, Sequence
from functools import cache

from loadtest.limits.carriages import CONSTANT, MOST_IDS, carriages, new_keys
from loadtest.limits.fitting import Fit, fits
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure
from loadtest.report.hops import in_defaults
from loadtest.report.labelled import Named, NamedChart, NamedRow
from loadtest.report.numbers import NOTHING, whole
from loadtest.report.points import Findings
from loadtest.report.scales import log_over
from loadtest.report.size import metadata_lines
from loadtest.report.tables import Entry, Table, table
from mesh.known import LIMITS_FILE, LimitsFile
from products_svc.catalogue.ids import IdKind
from waybill.algorithms import DEFAULT_ALGORITHM

TOKENS = ("jwt v1", "jwt v2")
DRAWN = "jwt v1"
AUTHORIZATIONS = (0, 1024)
"""Bytes beside which the ids are to fit."""


def ids_that_fit(findings: Findings) -> Figure | None:
    """How many ids an order can carry through each hop in its defaults."""
    if not metadata_lines(findings):
        return None
    measured_at, found = _fits()
    drawn = [fit for fit in found if _is_drawn(fit)]
    return Figure(
        "fits",
        "Ids that fit, by hop and kind of id",
        "Dots: the most ids in one JWT of version 1 (ids alone, key for EdDSA) that surely pass, "
        "on the way to the client and on the way to orders, with nothing else in the header. The "
        "table has the other encodings and algorithms, and beside an authorization of 1 KiB. Made "
        "by the services' own issuers and held against what make limits measured on "
        f"{measured_at[:10]} (mesh/limits.json; not part of this run).",
        [_chart(drawn)],
        _table(found),
    )


@cache
def _fits() -> tuple[str, Sequence[Fit]]:
    """When the limits were measured, and what passes them."""
    known = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8"))
    ways = carriages(new_keys(), (*TOKENS, *CONSTANT))
    return known.measured_at, fits(in_defaults(known), ways, AUTHORIZATIONS)


def _is_drawn(fit: Fit) -> bool:
    drawn = (DRAWN, DEFAULT_ALGORITHM, 0)
    return (fit.encoding, fit.algorithm, fit.authorization_bytes) == drawn


def _chart(drawn: Sequence[Fit]) -> NamedChart:
    rows = [
        NamedRow(hop, [Named(fit.kind, fit.ids) for fit in drawn if fit.subject == hop and fit.ids])
        for hop in dict.fromkeys(fit.subject for fit in drawn)
    ]
    values = [each.x for row in rows for each in row.found]
    return NamedChart(
        "Ids in one token that pass each hop, by kind of id, axis logarithmic",
        Axis("ids in one token", log_over(values)),
        rows,
        whole,
    )


def _table(found: Sequence[Fit]) -> Table:
    titles = ("Hop", "Carried as", "Key", "Beside, bytes", *IdKind)
    return table("Ids of which an order passes", titles, _rows(found))


def _rows(found: Sequence[Fit]) -> Iterator[tuple[Entry, ...]]:
    """One for each hop, encoding, key and authorization; the kinds of id are side by side."""
    grouped: dict[tuple[str, str, str, int], list[Fit]] = {}
    for fit in found:
        place = fit.subject, fit.encoding, fit.algorithm, fit.authorization_bytes
        grouped.setdefault(place, []).append(fit)
    for (hop, encoding, algorithm, beside), kinds in grouped.items():
        names = Entry(hop), Entry(encoding), Entry(algorithm or NOTHING)
        yield (*names, Entry(f"{beside:,}", beside), *map(_ids, kinds))


def _ids(fit: Fit) -> Entry:
    if fit.ids is None:
        return Entry(NOTHING)
    return Entry(f"{'≥' * (fit.ids == MOST_IDS)}{fit.ids:,}", fit.ids)


FIGURES = (ids_that_fit,)

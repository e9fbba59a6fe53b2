"""The report's figures about hops."""

import pytest

from loadtest.id_lists.carried import hops as hops_of_lists
from loadtest.id_lists.record import MEASURED, load_id_lists
from loadtest.id_lists.universes import universes
from loadtest.report import fits, hops, id_lists
from loadtest.report.chart import Axis
from loadtest.report.figures import Figure, FigureOf
from loadtest.report.labelled import Named, NamedChart, NamedRow
from loadtest.report.page import SLIM, WIDE
from loadtest.report.points import Findings
from loadtest.report.scales import Log
from loadtest.report.svg import render
from mesh.known import HeaderLimits, KnownLimits
from products_svc.catalogue.ids import IdKind
from tests.unit.report_samples import full_run
from waybill import id_lists as codecs


def hop(**request: int) -> KnownLimits:
    return KnownLimits("1", "path", {"request": HeaderLimits(**request)})


def test_close_limits_share_a_label() -> None:
    lines = hops.limit_lines(
        {"a": hop(total_bytes=8_000), "b": hop(total_bytes=9_000), "c": hop(total_bytes=60_000)}
    )
    assert [(line.y, line.label) for line in lines] == [
        (8_000, ""),
        (9_000, "a 8,000 · b 9,000"),
        (60_000, "c 60,000"),
    ]


def test_a_limit_of_one_value_counts_where_it_is_lower_and_no_limit_is_no_line() -> None:
    lines = hops.limit_lines({"a": hop(total_bytes=32_768, value_bytes=8_192), "b": hop()})
    assert [line.y for line in lines] == [8_192]


def test_every_hop_in_its_defaults_is_in_the_figure() -> None:
    figure = hops.hop_limits(Findings.of(full_run()))
    assert figure is not None
    assert figure.charts
    shown = {row[0].text for row in figure.table.rows}
    assert shown == {"grpcio server", "envoy", "caddy", "nginx", "haproxy"}


def made(figure_of: FigureOf) -> Figure:
    figure = figure_of(Findings.of(full_run()))
    assert figure is not None
    return figure


def cells(figure: Figure, *first: str) -> list[str]:
    """The rest of the one row that begins so."""
    (found,) = (
        row for row in figure.table.rows if [entry.text for entry in row[: len(first)]] == [*first]
    )
    return [entry.text for entry in found[len(first) :]]


def test_ids_that_fit_are_those_of_the_probe() -> None:
    figure = made(fits.ids_that_fit)
    assert cells(figure, "grpcio server", "jwt v1", "EdDSA", "0")[0] == "338"
    assert cells(figure, "grpcio server", "jwt v1", "RS256", "0")[0] == "326"
    assert cells(figure, "envoy", "page-proof v2", "ES256", "1,024") == ["≥10,000"] * 5
    assert cells(figure, "nginx", "reference", "\N{EN DASH}", "1,024") == ["≥10,000"] * 5
    (chart,) = figure.charts
    assert isinstance(chart, NamedChart)
    assert {row.name for row in chart.rows} == {
        "grpcio server",
        "envoy",
        "caddy",
        "nginx",
        "haproxy",
    }
    assert {each.name for row in chart.rows for each in row.found} == set(IdKind)


def test_every_encoding_of_lists_is_shown_beside_the_bound_and_at_every_hop() -> None:
    sizes = made(id_lists.bytes_per_id)
    shown = {(row[0].text, row[2].text) for row in sizes.table.rows}
    assert shown == {(kind, rung) for kind in ("serial", *IdKind) for rung in codecs.CODECS}
    ends = made(id_lists.crossings)
    assert len(ends.table.rows) == len(shown)
    for figure in (sizes, ends):
        (chart,) = figure.charts
        drawing = render(chart.draw(WIDE, "wide"))
        assert all(rung in drawing for rung in codecs.CODECS)


def test_the_lists_were_held_against_the_limits_that_are_known_now() -> None:
    """Otherwise: make id-lists ARGS=--update."""
    run = load_id_lists(MEASURED)
    assert {(c.hop, c.limit_bytes) for c in run.crossings} == {
        (h.name, h.limit_bytes) for h in hops_of_lists()
    }
    assert {each.rung for each in run.sizes} == set(codecs.CODECS)


@pytest.mark.parametrize("size", [10, 100])
def test_the_lists_are_as_long_as_they_are_now(size: int) -> None:
    """Otherwise: make id-lists ARGS=--update."""
    run = load_id_lists(MEASURED)
    known = {(s.kind, s.rung): s.size_bytes for s in run.sizes if s.ids == size}
    for universe in universes(run.seed):
        for rung in ("json", "delta", "radix"):  # the others depend on builds of their libraries
            data = codecs.encode(universe.ids[:size], rung)
            assert len(data) == known[universe.kind, rung]


def test_dots_of_one_place_share_a_name_and_names_do_not_leave_the_drawing() -> None:
    found = [Named("a", 10), Named("b", 10), Named("c", 11), Named("longest name", 12, apart=True)]
    chart = NamedChart("title", Axis("x", Log(1, 12.1)), [NamedRow("row", found)])
    for size in (WIDE, SLIM):
        drawing = chart.draw(size, "d")
        texts = {text.text: float(text.get("x", "nan")) for text in drawing.iter("text")}
        (shared,) = (words for words in texts if words and words.startswith("a, b"))
        assert shared == ("a, b 10.0" if size is WIDE else "a, b")
        for words, x in texts.items():
            assert 0 <= x <= size.width, words

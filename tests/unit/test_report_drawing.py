"""Scales, paths and colours of the report's charts."""

from itertools import combinations, pairwise
from math import cbrt, dist
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.colours import COLOURS, DARK, LIGHT, Theme, place, style
from loadtest.report import svg
from loadtest.report.chart import Axis, Size, spaced
from loadtest.report.dots import Dot, DotChart, DotRow
from loadtest.report.labelled import beside
from loadtest.report.lines import Curve, Limit, Line, LineChart, Look, Mark
from loadtest.report.scales import Linear, Log, Tail, from_zero, log_over, measured
from loadtest.spread import Spread
from waybill.strategy import Strategy

positive = st.floats(min_value=1e-3, max_value=1e9)


@given(st.lists(positive, min_size=1, max_size=20))
def test_a_logarithmic_axis_holds_its_values_and_has_ticks_inside(values: list[float]) -> None:
    scale = log_over(values)
    assert all(0 <= scale.at(value) <= 1 for value in values)
    ticks = scale.ticks()
    assert list(ticks) == sorted(set(ticks))
    assert len(ticks) <= 8
    assert all(0 <= scale.at(tick) <= 1 for tick in ticks)


@given(st.lists(positive, min_size=1, max_size=20))
def test_a_linear_axis_begins_at_zero_and_holds_its_values(values: list[float]) -> None:
    scale = from_zero(values)
    assert scale.at(0) == 0
    assert all(0 <= scale.at(value) <= 1 for value in values)
    assert 2 <= len(scale.ticks()) <= 8


def test_decades_are_equally_long() -> None:
    scale = Log(1, 1000)
    assert [round(scale.at(value), 6) for value in (1, 10, 100, 1000)] == [0, 0.333333, 0.666667, 1]
    assert Log(1, 100_000).ticks() == [1, 10, 100, 1_000, 10_000, 100_000]
    assert len(Log(380, 640).ticks()) >= 4


def test_each_nine_is_equally_long() -> None:
    scale = Tail(0, 99.9)
    assert scale.at(90) == pytest.approx(1 / 3)
    assert scale.at(99) == pytest.approx(2 / 3)
    assert Tail(50, 99.9).ticks() == [50, 75, 90, 99, 99.9]


def test_round_ticks_on_a_linear_axis() -> None:
    assert list(Linear(0, 1).ticks()) == [0, 0.25, 0.5, 0.75, 1]
    assert list(Linear(0, 2600).ticks()) == [0, 1000, 2000]


def test_ticks_at_measured_values_stay_apart() -> None:
    assert list(measured([10, 100, 101, 1000]).ticks()) == [10, 100, 1000]


@given(st.lists(st.floats(min_value=0, max_value=300), min_size=1, max_size=12))
def test_labels_keep_their_order_and_their_distance(wanted: list[float]) -> None:
    found = spaced(wanted, 15, 0, 300)
    placed = sorted(found)
    assert all(b - a >= 15 - 1e-6 for a, b in pairwise(placed))
    by_place = sorted(range(len(wanted)), key=lambda index: found[index])
    assert [wanted[index] for index in by_place] == sorted(wanted)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(1, 40)), min_size=1, max_size=6))
def test_names_stand_side_by_side(found: list[tuple[float, float]]) -> None:
    wanted, halves = sorted(at for at, _ in found), [half for _, half in found]
    middles = beside(wanted, halves, 0, 300)
    for (a, half_a), (b, half_b) in pairwise(zip(middles, halves, strict=True)):
        assert b - a >= half_a + half_b + 6 - 1e-6
    assert middles[-1] + halves[-1] <= 300 + 1e-6
    if sum(halves) * 2 + 6 * len(halves) <= 300:
        assert middles[0] - halves[0] >= -1e-6


def test_a_path_goes_through_its_places() -> None:
    root = Element("svg")
    assert svg.path(root, [(0, 0), (10, 2.25)], "line").get("d") == "M0,0L10,2.2"
    assert svg.path(root, [(0, 0), (1, 1)], "band", closed=True).get("d") == "M0,0L1,1Z"


def test_text_is_escaped() -> None:
    root = Element("svg")
    svg.text(root, (0, 0), "<script>&")
    assert "<script>" not in svg.render(root)


def mark(x: float, y: float, look: Look = Look.FULL) -> Mark:
    return Mark(x, y, y * 0.9, y * 1.1, f"at {x:g}", look)


def line_chart(**changes: object) -> LineChart:
    parts: dict[str, object] = {
        "title": "A title",
        "x": Axis("ids carried", Log(8, 1200)),
        "y": Axis("bytes", Log(50, 5000)),
        "lines": [
            Line("replica", [mark(10, 100), mark(100, 200), mark(1000, 1000, Look.HOLLOW)]),
            Line("metadata-jwt", [mark(10, 300), mark(100, 2000, Look.CROSS)]),
        ],
    }
    return LineChart(**{**parts, **changes})  # type: ignore[arg-type]


def drawn(element: Element) -> Element:
    return fromstring(svg.render(element))


def by_class(root: Element, name: str) -> list[Element]:
    return [each for each in root.iter() if name in each.get("class", "").split()]


def test_a_chart_of_lines_has_a_band_a_line_marks_and_a_label_for_each_row() -> None:
    root = drawn(line_chart().draw(Size(640, 380), "n"))
    assert len(by_class(root, "band")) == 2
    assert len(by_class(root, "mark")) == 5
    assert len(by_class(root, "hollow")) == len(by_class(root, "cross")) == 1
    assert len(by_class(root, "doubtful")) == 1  # only the part that ends in the doubtful mark
    names = [each.text for each in by_class(root, "name")]
    assert names == ["replica", "metadata-jwt"]


@pytest.mark.parametrize(("width", "crowded"), [(640, {"1,500", "2,000"}), (340, {"1,500"})])
def test_numbers_below_an_axis_do_not_meet(width: int, crowded: set[str]) -> None:
    row = DotRow("message-field", [Dot("issuing", Spread(700, 690, 710))])
    chart = DotChart("A title", Axis("CPU time", Log(300, 3000)), ["issuing"], [row])
    root = drawn(chart.draw(Size(width, 1), "n"))
    numbers = {each.text for each in by_class(root, "middle")}
    assert numbers & {"1,500", "2,000"} == crowded


def test_a_chart_names_itself() -> None:
    root = drawn(line_chart().draw(Size(640, 380), "n"))
    assert root.get("role") == "img"
    titles = [each.text for each in root.iter("title") if each.get("id") == "n-title"]
    assert titles == ["A title"]
    assert root.get("aria-labelledby") == "n-title"


@pytest.mark.parametrize("width", [348, 640])
def test_everything_lies_within_the_drawing(width: int) -> None:
    limits = [Limit(1000, "soft"), Limit(90_000, "beyond the axis")]
    chart = line_chart(limits=limits, zone=(1000, 90_000), curves=[Curve("rule", [(10, 60)])])
    root = drawn(chart.draw(Size(width, 330), "n"))
    assert len(by_class(root, "limit")) == 1
    for each in root.iter("text"):
        assert 0 <= float(each.get("x", "")) < width, each.text
        assert 0 < float(each.get("y", "")) <= 330, each.text


def test_marks_without_a_line_have_bars() -> None:
    lines = [Line("replica", [mark(10, 100), mark(100, 200)], joined=False)]
    root = drawn(line_chart(lines=lines).draw(Size(640, 380), "n"))
    assert len(by_class(root, "bar")) == 2
    assert not by_class(root, "band")


def test_a_chart_of_dots_grows_with_its_rows() -> None:
    values = [Dot("warm", Spread(400, 390, 410)), Dot("cold", Spread(405, 400, 420))]
    rows = [DotRow("replica", values), DotRow("direct-call", values)]
    chart = DotChart("t", Axis("µs", from_zero([420])), ("warm", "cold"), rows, floor=300)
    root = drawn(chart.draw(Size(640, 0), "n"))
    assert float(root.get("height", "")) > 2 * 46
    assert [each.text for each in by_class(root, "halo")] == ["400", "405"] * 2
    left, right = (float(each.get("x", "")) for each in by_class(root, "halo")[:2])
    assert right - left > 18  # side by side, though the dots touch


def test_every_strategy_has_a_colour_of_its_own() -> None:
    assert {strategy.value for strategy in Strategy} <= set(COLOURS)
    assert len(set(COLOURS.values())) == len(COLOURS) <= len(LIGHT.series) == len(DARK.series) == 7
    assert place("something new") == 0
    assert ".s1 { --series: var(--c1) }" in style()


Rgb = tuple[float, ...]

_NORMAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_PROTAN = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
_DEUTAN = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
_TRITAN = (
    (1.255528, -0.076749, -0.178779),
    (-0.078411, 0.930809, 0.147602),
    (0.004733, 0.691367, 0.303900),
)
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""


def linear(colour: str) -> Rgb:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)


def seen(matrix: tuple[Rgb, ...], colour: Rgb) -> Rgb:
    return tuple(
        min(1.0, max(0.0, sum(a * b for a, b in zip(row, colour, strict=True)))) for row in matrix
    )


def oklab(colour: Rgb) -> Rgb:
    """Ottosson 2020: distances are about as large as they look."""
    r, g, b = colour
    long = cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def luminance(colour: Rgb) -> float:
    return sum(a * b for a, b in zip((0.2126, 0.7152, 0.0722), colour, strict=True))


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eye", [_NORMAL, _PROTAN, _DEUTAN, _TRITAN])
def test_colours_stay_apart_for_every_eye(theme: Theme, eye: tuple[Rgb, ...]) -> None:
    looks = [oklab(seen(eye, linear(colour))) for colour in theme.series]
    assert min(dist(a, b) for a, b in combinations(looks, 2)) > 0.09


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out_from_the_ground(theme: Theme) -> None:
    ground = luminance(linear(theme.surface))

    def contrast(colour: str) -> float:
        light, dark = sorted((luminance(linear(colour)), ground), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    assert min(map(contrast, theme.series)) >= 3
    assert min(map(contrast, (theme.ink, theme.soft, theme.bad))) >= 4.5

"""The report as one HTML page that needs nothing else."""

import json
import re
from functools import cache
from importlib.resources import files
from xml.etree.ElementTree import Element

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from loadtest.colours import place, style
from loadtest.report import head, raw
from loadtest.report.chart import Chart, Size
from loadtest.report.points import Findings
from loadtest.report.promises import promises
from loadtest.report.sections import sections
from loadtest.report.svg import marker, render
from loadtest.report.verdict import verdict

_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s)\b)")
WIDE = Size(640, 380)
SLIM = Size(348, 330)
"""The same chart is drawn twice, so that its type is as readable on a phone; CSS shows one."""


def page(findings: Findings) -> str:
    """The page as text."""
    run = findings.run
    shown = list(sections(findings))
    anchors = {figure.id for section in shown for figure in section.figures}
    template = _environment().get_template("report.html.j2")
    return template.render(
        run=run,
        head=head,
        findings=findings,
        verdict=verdict(findings),
        sections=shown,
        anchors=anchors,
        promises=list(promises(findings)),
        cells=raw.cells(findings),
        style=_file("report.css"),
        chart_style=_file("chart.css"),
        colours=Markup(style()),  # noqa: S704 - our own constants
        script=_file("report.js"),
        record=embedded(run.model_dump(mode="json")),
        csv=embedded(raw.samples_csv(run)),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("loadtest.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["with_units"] = with_units
    environment.globals.update(drawings=drawings, swatch=swatch)
    return environment


def with_units(text: str) -> str:
    """The same, with times that no line break parts from their unit."""
    return _UNIT.sub("\u00a0", text)


def drawings(chart: Chart, name: str) -> Markup:
    """A chart for wide pages and one for slim pages."""
    wide, slim = (render(chart.draw(size, f"{name}-{size.width}")) for size in (WIDE, SLIM))
    markup = f'<div class="wide">{wide}</div><div class="slim">{slim}</div>'
    return Markup(markup)  # noqa: S704 - ElementTree has escaped all text


def swatch(row: str) -> Markup:
    """The mark of a row, for use within a line of text."""
    attributes = {"class": "swatch", "viewBox": "-7 -7 14 14", "aria-hidden": "true"}
    drawing = Element("svg", attributes)
    marker(drawing, (0.0, 0.0), place(row), f"mark full s{place(row)}")
    return Markup(render(drawing))  # noqa: S704 - as above


def embedded(value: object) -> Markup:
    """JSON that may stand inside a `script` element: no `<` in it can end that."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", r"\u003c"))  # noqa: S704 - see above


def _file(name: str) -> Markup:
    return Markup(files("loadtest.report").joinpath("templates", name).read_text(encoding="utf-8"))  # noqa: S704 - our own file

"""The README's picture: how an order grows with the list that it carries, and where it breaks.

python -m loadtest.report.readme_plot RUN
"""

import argparse
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from loadtest.colours import style
from loadtest.records import NoRecord, find_record
from loadtest.report import svg
from loadtest.report.chart import Chart, Size
from loadtest.report.points import Findings
from loadtest.report.size import bytes_chart, metadata_chart
from loadtest.results import load_run

IMAGE = Path("docs") / "images" / "size.svg"
_PANEL = Size(450, 340)
_GAP = 36
_TITLES = ("In metadata, where hops set limits", "In all")
_HEAD = 30


def picture(findings: Findings) -> str:
    """A stand-alone SVG file, light or dark as its reader prefers.

    Raises:
        ValueError: the run has no sizes to show.
    """
    charts = [metadata_chart(findings), bytes_chart(findings)]
    found = [chart for chart in charts if chart]
    if len(found) < len(charts):
        raise ValueError("the run has no orders to take sizes from")
    width, height = 2 * _PANEL.width + _GAP, _HEAD + _PANEL.height
    label = f"Bytes of an order against the ids that it carries, run {findings.run.head.run_id}"
    attributes = {"xmlns": svg.XMLNS, "viewBox": f"0 0 {width} {height}", "class": "page"}
    root = Element("svg", {**attributes, "width": str(width), "height": str(height)})
    root.set("role", "img")
    root.set("aria-label", label)
    svg.node(root, "style").text = _style()
    svg.node(root, "rect", "ground", width=width, height=height)
    for number, (title, chart) in enumerate(zip(_TITLES, found, strict=True)):
        _panel(root, number * (_PANEL.width + _GAP), title, chart, f"panel-{number}")
    return tostring(root, encoding="unicode") + "\n"


def _panel(root: Element, left: float, title: str, chart: Chart, name: str) -> None:
    svg.text(root, (left + 2, 18), title, "title")
    drawn = chart.draw(_PANEL, name)
    drawn.set("x", svg.coordinate(left))
    drawn.set("y", str(_HEAD))
    root.append(drawn)


def _style() -> str:
    """The page's style of charts, and what a file of its own needs besides."""
    page = files("loadtest.report").joinpath("templates", "chart.css").read_text(encoding="utf-8")
    own = ".page { font: 12px system-ui, sans-serif } .ground { fill: var(--surface) }"
    own += " .title { fill: var(--ink); font-size: 15px; font-weight: 600 }"
    return "\n".join((style(), page, own))


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture of a run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.report.readme_plot")
    parser.add_argument("run", help="a folder with results.json, that file, or a run's id")
    parser.add_argument("--to", type=Path, default=IMAGE)
    options = parser.parse_args(argv)
    try:
        text = picture(Findings.of(load_run(find_record(options.run))))
    except (NoRecord, ValueError) as error:
        print(f"{options.run}: {error}", file=sys.stderr)
        return 2
    options.to.parent.mkdir(parents=True, exist_ok=True)
    options.to.write_text(text, encoding="utf-8")
    print(f"Picture: {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

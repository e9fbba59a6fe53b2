"""The report of a comparison: one page, and the same tables as Markdown."""

from pathlib import Path

from loadtest.report.markdown import markdown
from loadtest.report.page import page
from loadtest.report.points import Findings
from loadtest.results import Run


def write(run: Run, folder: Path) -> Path:
    """Write `report.html` and `report.md` of `run` into `folder`; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    findings = Findings.of(run)
    (folder / "report.md").write_text(markdown(findings), encoding="utf-8")
    path = folder / "report.html"
    path.write_text(page(findings), encoding="utf-8")
    return path

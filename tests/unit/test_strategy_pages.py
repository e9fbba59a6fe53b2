"""What docs/strategies/ names exists: reasons and codes; and what a page must have."""

import re
from pathlib import Path

import grpc
import pytest

from waybill import errors
from waybill.strategy import Strategy

FOLDER = Path(__file__).parents[2] / "docs/strategies"
PAGES = sorted(FOLDER.glob("*.md"))
OF_ONE = [FOLDER / f"{strategy}.md" for strategy in Strategy]
REASONS = {
    error.reason
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.WaybillError)
}
OTHERS = {"NOT_SERVING", *(code.name for code in grpc.StatusCode)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_reasons_and_codes_of_the_page_exist(page: Path) -> None:
    text = page.read_text()
    words = set(re.findall(r"`(?!PRODUCTS_|ORDERS_)([A-Z]+(?:_[A-Z]+)+)`", text))
    assert words - REASONS - OTHERS == set()


@pytest.mark.parametrize("page", OF_ONE, ids=lambda page: page.stem)
def test_every_page_has_its_diagram_and_its_advice(page: Path) -> None:
    text = page.read_text()
    assert "```mermaid\nsequenceDiagram" in text
    for heading in (
        "What it costs",
        "What is refused",
        "Choose it when",
        "Choose another when",
        "Settings",
    ):
        assert f"\n## {heading}" in text


def test_the_page_that_chooses_has_every_strategy() -> None:
    text = (FOLDER / "README.md").read_text()
    tree, table = text.split("```mermaid")[1].split("```")[0], text.split("## Side by side")[1]
    assert [s for s in Strategy if f'["{s}"]' not in tree or f"[`{s}`]({s}.md)" not in table] == []


def test_the_page_that_chooses_weighs_as_the_pages_do() -> None:
    """Bytes of an order's state, for the sizes that its table shows."""
    rows = re.findall(
        r"^\| State in an order, page of (\S+) ids, bytes \| (.*) \|$",
        (FOLDER / "README.md").read_text(),
        re.MULTILINE,
    )
    header = re.search(r"^\| \| (\[`.*) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert header is not None
    columns = re.findall(r"\[`([a-z-]+)`\]", header[1])
    assert len(rows) == 2
    for ids, cells in rows:
        for strategy, cell in zip(columns, cells.split(" | "), strict=True):
            weighed = re.search(rf"^\| {ids} \|.* \| (\S+) \|$", page_of(strategy), re.MULTILINE)
            if cell != "0":
                assert weighed is not None
                assert cell == weighed[1], strategy


def page_of(strategy: str) -> str:
    return (FOLDER / f"{strategy}.md").read_text().split("measured: costs")[1]

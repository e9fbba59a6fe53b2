"""What docs/strategies/ names exists: files, settings, reasons, codes."""

import re
from pathlib import Path

import grpc
import pytest

import orders_svc.settings
import products_svc.settings
from waybill import errors
from waybill.serving.settings import variable

PAGES = sorted((Path(__file__).parents[2] / "docs/strategies").glob("*.md"))
SETTINGS = {
    variable(service.Settings, field)
    for service in (products_svc.settings, orders_svc.settings)
    for field in service.Settings.model_fields
}
REASONS = {
    error.reason
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.WaybillError)
}
OTHERS = {"NOT_SERVING", *(code.name for code in grpc.StatusCode)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_page_names_exists(page: Path) -> None:
    text = page.read_text()
    named = set(re.findall(r"\b(?:PRODUCTS|ORDERS)_[A-Z_]+", text))
    words = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text)) - named
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert named - SETTINGS == set()
    assert words - REASONS - OTHERS == set()
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
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

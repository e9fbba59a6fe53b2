"""What the pages point at exists: files, headings, commands, settings."""

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import orders_svc.settings
import products_svc.settings
from tools import settings_page
from waybill.serving.settings import variable

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\((?P<file>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
SETTINGS = {
    variable(service.Settings, field)
    for service in (products_svc.settings, orders_svc.settings)
    for field in service.Settings.model_fields
}
INTERNAL = {
    f"{service}_{field.upper()}"
    for service in ("PRODUCTS", "ORDERS")
    for field in settings_page.PARENTS
}
NO_SETTINGS = {"PRODUCTS_PORT", "PRODUCTS_PASSWORD", "ORDERS_PASSWORD"}
"""Named as what Kubernetes puts into a pod, and as what a compose file is given."""


@cache
def text_of(page: Path) -> str:
    return page.read_text("utf-8")


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of headings; of two alike, the first one's."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each).lower() for each in headings]
    return {re.sub(r"[^\w\- ]", "", each).strip().replace(" ", "-") for each in plain}


def broken(page: Path) -> Iterator[str]:
    for link in LINK.finditer(FENCED.sub("", text_of(page))):
        name, anchor = link["file"], link["anchor"]
        if "://" in name or name.startswith("mailto:"):
            continue
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f"{name}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            yield f"{name}#{anchor}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_commands_and_settings_exist(page: Path) -> None:
    text = text_of(page)
    code = " ".join([*FENCED.findall(text), *re.findall(r"`[^`\n]+`", text)])
    code += "\n".join(re.findall(r"^    \S.*$", text, re.MULTILINE))
    made = set(re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)(?![a-z])", code))
    started = {
        name
        for name in re.findall(r"python3? -m ([a-z_]+(?:\.[a-z_]+)*)", code)
        if importlib.util.find_spec(name) is None
    }
    assert made - TARGETS == set()
    assert started == set()
    named = set(re.findall(r"\b(?:PRODUCTS|ORDERS)_[A-Z_]*[A-Z]\b(?!…)", text))
    assert named - SETTINGS - NO_SETTINGS == set()


def test_the_page_of_settings_has_every_one_with_its_default() -> None:
    """`python -m tools.settings_page` draws it."""
    page = settings_page.PAGE.read_text("utf-8")
    assert settings_page.drawn(page) == page
    assert [name for name in sorted(SETTINGS - INTERNAL) if f"`{name}`" not in page] == []


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    left = [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in reached:
            continue
        reached.add(page)
        names = (link["file"] for link in LINK.finditer(text_of(page)))
        targets = ((page.parent / name).resolve() for name in names if name.endswith(".md"))
        left += [target for target in targets if target.is_file()]
    assert [name for name, page in zip(NAMES, PAGES, strict=True) if page not in reached] == []

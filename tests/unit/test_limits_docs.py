"""The page says what the file of measured limits says."""

from pathlib import Path

import pytest

from loadtest.id_lists.record import MEASURED, load_id_lists
from loadtest.limits.carriages import carriages
from loadtest.limits.fitting import weights
from mesh.known import LIMITS_FILE, LimitsFile
from mesh.table import HOPS
from products_svc.catalogue.ids import IdKind
from tests.unit.crypto_kit import key_of
from waybill.algorithms import ALGORITHMS

PAGE = (Path(LIMITS_FILE).parent.parent / "docs/limits.md").read_text(encoding="utf-8")
KNOWN = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8")).subjects


@pytest.mark.parametrize("name", HOPS)
def test_the_page_has_each_hops_version_and_sharp_limits(name: str) -> None:
    known = KNOWN[name]
    assert known.version in PAGE
    for direction, limits in known.directions.items():
        if f"{direction} single" not in known.random and limits.total_bytes is not None:
            assert f"{limits.total_bytes:,}" in PAGE


def test_the_page_weighs_what_is_carried_now() -> None:
    ways = carriages({algorithm: key_of(algorithm) for algorithm in ALGORITHMS})
    for weight in weights(ways, [IdKind.SKU]):
        assert f" {weight.list_bytes:,} |" in PAGE or weight.algorithm == "RS256"


def test_the_page_of_lists_says_where_each_rung_ends() -> None:
    page = (Path(LIMITS_FILE).parent.parent / "docs/id-lists.md").read_text(encoding="utf-8")
    found: dict[tuple[str, str], list[str]] = {}
    for each in load_id_lists(MEASURED).crossings:
        most = "\N{EN DASH}" if each.passes_all else f"{each.most_ids:,}"
        found.setdefault((each.kind, each.rung), []).append(most)
    for (kind, rung), cells in found.items():
        shown = f"| {kind} | {rung} | "
        assert shown not in page.split("no longer passes")[1] or shown + " | ".join(cells) in page


def test_the_page_has_grpcs_soft_and_hard_limit() -> None:
    limits = KNOWN["grpcio server"].directions["request"]
    assert f"{limits.total_bytes:,} certain; at random to {limits.refused_above:,}" in PAGE

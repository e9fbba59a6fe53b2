"""The page says what the file of measured limits says."""

from pathlib import Path

import pytest

from mesh.known import LIMITS_FILE, LimitsFile
from mesh.table import HOPS

PAGE = (Path(LIMITS_FILE).parent.parent / "docs/limits.md").read_text(encoding="utf-8")
KNOWN = LimitsFile.from_text(LIMITS_FILE.read_text(encoding="utf-8")).subjects


@pytest.mark.parametrize("name", HOPS)
def test_the_page_has_each_hops_version_and_sharp_limits(name: str) -> None:
    known = KNOWN[name]
    assert known.version in PAGE
    for direction, limits in known.directions.items():
        if f"{direction} single" not in known.random and limits.total_bytes is not None:
            assert f"{limits.total_bytes:,}" in PAGE


def test_the_page_has_grpcs_soft_and_hard_limit() -> None:
    limits = KNOWN["grpcio server"].directions["request"]
    assert f"{limits.total_bytes:,} certain; at random to {limits.refused_above:,}" in PAGE

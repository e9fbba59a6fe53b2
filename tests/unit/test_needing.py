"""A real part that is missing is told; where nothing may be missing, it fails the test."""

from dataclasses import replace

import pytest

from mesh.table import HOPS
from tests.needing import REQUIRED, need

NOWHERE = replace(HOPS["nginx"], program="no-such-program")


def test_a_missing_part_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="install"):
        need([NOWHERE])


def test_a_missing_part_fails_where_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="install"):
        need([NOWHERE])

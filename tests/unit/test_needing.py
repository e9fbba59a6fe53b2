"""A real part that is missing is told; where nothing may be missing, it fails the test."""

import pytest

from mesh.table import HOPS
from tests.needing import REQUIRED, need

NGINX = HOPS["nginx"]


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh.launcher.shutil.which", lambda _program, **_where: None)


def test_a_missing_part_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="install"):
        need([NGINX])


def test_a_missing_part_fails_where_all_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="install"):
        need([NGINX])

"""Where development files live."""

from pathlib import Path

import pytest

from waybill.serving.paths import make_state_home, state_home


def test_the_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    make_state_home(environ)
    make_state_home(environ)
    assert state_home(environ).stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    with pytest.raises(OSError, match="set XDG_STATE_HOME to one that can be written to"):
        make_state_home({"XDG_STATE_HOME": str(tmp_path / "state")})

"""Where development files live when no setting says otherwise."""

from collections.abc import Mapping
from pathlib import Path


def state_home(environ: Mapping[str, str]) -> Path:
    """`$XDG_STATE_HOME/waybill`, or `~/.local/state/waybill` (XDG Base Directory 0.8).

    A relative `XDG_STATE_HOME` is ignored, as the specification demands. Nothing is created.
    """
    base = Path(environ.get("XDG_STATE_HOME", ""))
    home = Path(environ.get("HOME") or Path.home())
    return (base if base.is_absolute() else home / ".local" / "state") / "waybill"


def make_state_home(environ: Mapping[str, str]) -> None:
    """Make `state_home` where it is missing, for its owner only.

    Raises:
        OSError: it cannot be made; the text says what to do.
    """
    home = state_home(environ)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"cannot make the folder {home}: {error.strerror}; set XDG_STATE_HOME to one that can"
            " be written to"
        ) from error
